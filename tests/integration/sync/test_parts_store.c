/* Parts lists in the database: statuses, retries, error logs, and that the same content is read once. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "services/parts/enqueue.h"
#include "services/parts/tasks.h"
#include "services/store/db/db.h"
#include "tests/support/parts/parts_lists.h"

#define PARSE   "tasks.sqlite_parser_tasks.parse_elevation_sqlite"
#define BATCH   "tasks.sqlite_parser_tasks.batch_parse_elevations"
#define TRIGGER "tasks.sqlite_parser_tasks.trigger_parsing_for_new_files"

SYNC_WORLD("--directories 1 --projects 2 --phases 2 --elevations 3", sync_all(&world, false))

static int64_t number(const char *sql)
{
    return pg_int(&world.pg, sql);
}

static void sql(const char *text)
{
    pg_exec(&world.pg, text);
}

static void expect_status(const char *task, const char *args, const char *status)
{
    cJSON *result = sync_task(&world, task, args, NULL, NULL);
    assert_string_equal(result_text(result, "parse_status"), status);
    cJSON_Delete(result);
}

/* The first elevation gets other bytes for a parts list, as if they had come from the upstream. */
static void replace_parts(const char *content)
{
    char text[400];
    snprintf(
        text, sizeof text,
        "UPDATE elevation_parts_lists SET content = %s, sha256 = 'replaced', size_bytes = 1 WHERE elevation_id = 1;"
        "UPDATE elevations SET parse_status = 'pending', parse_retry_count = 0 WHERE id = 1",
        content);
    sql(text);
}

TEST(test_enrichment_is_what_the_file_says)
{
    assert_int_equal(number("SELECT count(*) FROM elevations WHERE parse_status = 'success' AND auto_description <> ''"
                            " AND width_out > 0 AND width_unit = 'mm' AND system_code <> '' AND parts_count > 0"
                            " AND parts_file_hash IS NOT NULL AND data_parsed_at IS NOT NULL"),
                     12);
    assert_true(number("SELECT count(*) FROM elevation_glass WHERE glass_id LIKE '{%' AND name <> ''") > 0);
    assert_int_equal(number("SELECT count(*) FROM elevations e JOIN elevation_parts_lists l ON l.elevation_id = e.id"
                            " JOIN parts_files f ON f.sha256 = l.sha256 WHERE e.parts_file_hash = f.sha256"),
                     12);
}

TEST(test_same_content_is_read_once)
{
    static const char at[] = "SELECT extract(epoch FROM data_parsed_at) * 1000000 FROM elevations WHERE id = 1";
    int64_t parsed = number(at), glass = number("SELECT max(id) FROM elevation_glass");
    int64_t panes = number("SELECT count(*) FROM elevation_glass");

    expect_status(PARSE, "[1]", "current");
    assert_int_equal(number(at), parsed);
    expect_status(PARSE, "[1,true]", "success");
    assert_true(number(at) > parsed);
    assert_int_equal(number("SELECT max(id) FROM elevation_glass"), glass); /* equal panes are not written again */
    sql("UPDATE elevation_glass SET name = 'another' WHERE id = (SELECT min(id) FROM elevation_glass WHERE "
        "elevation_id = 1)");
    sql("INSERT INTO elevation_glass (elevation_id, glass_id, name) SELECT elevation_id, glass_id, name FROM "
        "elevation_glass"
        " WHERE elevation_id = 1");
    expect_status(PARSE, "[1,true]", "success");
    assert_int_equal(number("SELECT count(*) FROM elevation_glass"), panes);
    assert_int_equal(number("SELECT count(*) FROM elevation_glass WHERE name = 'another'"), 0);
}

/* Which of a file's lines were written: xmin tells. What is not as it was read is put right, and only that. */
TEST(test_lines_are_written_when_they_are_others)
{
    static const char of_one[] =
        "SELECT md5(string_agg(l.xmin::text || l.kind || l.lines::text, ',' ORDER BY l.kind) || min(f.xmin::text)"
        " || min(f.lines_digest)) FROM parts_lines l JOIN parts_files f USING (sha256)"
        " JOIN elevation_parts_lists p USING (sha256) WHERE p.elevation_id = 1";
    static const char *const harms[] = {
        "DELETE FROM parts_lines WHERE kind = 'glass' AND sha256 = ",
        "UPDATE parts_lines SET lines = '[]', line_count = 0 WHERE kind = 'profile' AND sha256 = ",
        "UPDATE parts_files SET reader = reader - 1, tables = '[]' WHERE sha256 = ",
        "UPDATE parts_files SET lines_digest = NULL WHERE sha256 = ",
        ("WITH l AS (UPDATE parts_lines SET lines = '[{}]' WHERE kind = 'glass' AND sha256 = (SELECT sha256 FROM"
         " elevation_parts_lists WHERE elevation_id = 1)) UPDATE parts_files SET lines_digest = 'other' WHERE sha256 "
         "= "),
        "INSERT INTO parts_lines SELECT sha256, 'of an older reader', 1, '[{}]' FROM parts_files WHERE sha256 = ",
    };
    static const char contents[] =
        "SELECT md5(string_agg(l.kind || l.line_count || l.lines::text, ',' ORDER BY l.kind) || min(f.tables::text)"
        " || min(f.lines_digest) || min(f.reader)) FROM parts_lines l JOIN parts_files f USING (sha256)"
        " JOIN elevation_parts_lists p USING (sha256) WHERE p.elevation_id = 1";
    expect_status(PARSE, "[1,true]", "success");
    char *before = pg_value(&world.pg, of_one), *read = pg_value(&world.pg, contents);
    assert_true(strlen(before) == 32);

    expect_status(PARSE, "[1,true]", "success");

    char *after = pg_value(&world.pg, of_one);
    assert_string_equal(after, before);
    for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
        char text[500];
        snprintf(text, sizeof text, "%s(SELECT sha256 FROM elevation_parts_lists WHERE elevation_id = 1)", harms[i]);
        sql(text);
        expect_status(PARSE, "[1,true]", "success");
        char *healed = pg_value(&world.pg, contents);
        if (strcmp(healed, read) != 0) fail_msg("not put right: %s", harms[i]);
        free(healed);
    }
    free(before);
    free(after);
    free(read);
}

TEST(test_unreadable_file_fails_is_logged_and_retried)
{
    sql("UPDATE object_sync_configs SET max_retry_attempts = 1, retry_delay_minutes = 5 WHERE object_type = "
        "'sqlite_parser'");
    replace_parts("'nonsense'");

    expect_status(PARSE, "[1]", "failed");
    assert_int_equal(number("SELECT count(*) FROM parsing_error_logs WHERE elevation_id = 1 AND error_type = 'parse'"
                            " AND error_message = 'not a SQLite file' AND retry_count = 1"),
                     1);
    assert_int_equal(number("SELECT parse_retry_count FROM elevations WHERE id = 1"), 1);

    const char *const only = "{\"object_type\":\"parsing_errors\"}";
    cJSON_Delete(sync_task(&world, "tasks.sync_tasks.sync_object_type_task", NULL, only, NULL));
    assert_int_equal(number("SELECT count(*) FROM parsing_error_logs"), 1); /* not before the delay */
    sql("UPDATE elevations SET parse_started_at = now() - interval '6 minutes' WHERE id = 1");
    cJSON_Delete(sync_task(&world, "tasks.sync_tasks.sync_object_type_task", NULL, only, NULL));
    assert_int_equal(number("SELECT count(*) FROM parsing_error_logs"), 2);
    sql("UPDATE elevations SET parse_started_at = now() - interval '6 minutes' WHERE id = 1");
    cJSON_Delete(sync_task(&world, "tasks.sync_tasks.sync_object_type_task", NULL, only, NULL));
    assert_int_equal(number("SELECT count(*) FROM parsing_error_logs"), 2); /* retries are used up */
}

TEST(test_new_version_heals)
{
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":100}");

    sync_all(&world, false);

    assert_truth(&world, true);
    assert_int_equal(number("SELECT max(parse_retry_count) FROM elevations"), 0);
}

TEST(test_batch_with_all_sorts_of_ids)
{
    int status;
    sql("UPDATE elevation_parts_lists SET content = NULL, sha256 = NULL WHERE elevation_id = 2");

    cJSON *result = sync_task(&world, BATCH, "[[1,1,3,4,2,999999,\"x\",-5],true]", NULL, &status);

    assert_int_equal(status, 0);
    assert_int_equal(result_number(result, "total"), 8);
    assert_int_equal(result_number(result, "successful"), 4);
    assert_int_equal(result_number(result, "failed"), 4);
    cJSON_Delete(result);
    result = sync_task(&world, PARSE, "[\"x\"]", NULL, &status);
    assert_int_not_equal(status, 0);
    cJSON_Delete(result);
    sql("DELETE FROM elevation_parts_lists WHERE elevation_id = 2");
    sync_all(&world, false);
    assert_truth(&world, true);
}

TEST(test_trigger_reads_everything_that_waits)
{
    sql("UPDATE elevations SET parse_status = 'pending', auto_description = NULL");

    cJSON *result = sync_task(&world, TRIGGER, NULL, NULL, NULL);

    assert_int_equal(result_number(result, "parsed"), 12);
    assert_truth(&world, true);
    cJSON_Delete(result);
}

TEST(test_parser_that_died_is_replaced)
{
    sql("UPDATE elevations SET parse_status = 'in_progress', parse_started_at = now() WHERE id = 1");
    expect_status(PARSE, "[1,true]", "busy");
    sql("UPDATE elevations SET parse_started_at = now() - interval '1 hour' WHERE id = 1");

    expect_status(PARSE, "[1]", "success");
}

/* ---- tasks in this process: a message that comes again, and one that is sent in the midst of a sync ---- */

static struct conf *own_conf(void)
{
    struct err err = {0};
    setenv("DATABASE_URL", world.pg.url, 1);
    struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
    if (!conf) fail_msg("%s", err.text);
    return conf;
}

static int64_t parsed_by(task_fn run, const char *args, int deliveries, int retries)
{
    struct err err = {0};
    struct task_ctx ctx;
    struct conf *conf = own_conf();
    cJSON *list = cJSON_Parse(args), *result = NULL;
    task_ctx_local(&ctx, conf, "test", "test", NULL);
    ctx.deliveries = deliveries;
    ctx.retries = retries;
    sql("UPDATE elevations SET parse_status = 'in_progress', parse_started_at = now(), parse_version = 0 WHERE id < 4");
    if (run(&ctx, list, NULL, &result, &err) != 0) fail_msg("%s", err.text);
    cJSON_Delete(result);
    cJSON_Delete(list);
    conf_free(conf);
    return number("SELECT count(*) FROM elevations WHERE id < 4 AND parse_status = 'success'");
}

/* What can be the number of a row is looked for; what cannot is the caller's mistake. */
TEST(test_numbers_that_no_row_can_have)
{
    static const struct {
        const char *args;
        int rc;
    } rows[] = {{"[2147483647]", 0},
                {"[1]", 0},
                {"[2147483648]", -ERR_INPUT},
                {"[0]", -ERR_INPUT},
                {"[-1]", -ERR_INPUT},
                {"[1.5]", -ERR_INPUT},
                {"[2147483646.5]", -ERR_INPUT},
                {"[\"1\"]", -ERR_INPUT},
                {"[]", -ERR_INPUT}};
    struct conf *conf = own_conf();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = {0};
        struct task_ctx ctx;
        cJSON *list = cJSON_Parse(rows[i].args), *result = NULL;
        task_ctx_local(&ctx, conf, "test", "test", NULL);
        int rc = task_parse_elevation_sqlite(&ctx, list, NULL, &result, &err);
        if (rc != rows[i].rc) fail_msg("%s: %d, not %d: %s", rows[i].args, rc, rows[i].rc, err.text);
        cJSON_Delete(result);
        cJSON_Delete(list);
    }
    conf_free(conf);
}

/* What the delivery before it, or the try before it, had begun stands in_progress, and is its own. */
TEST(test_message_that_comes_again_does_what_it_had_begun)
{
    assert_int_equal(parsed_by(task_batch_parse_elevations, "[[1,2,3]]", 1, 0), 0);
    assert_int_equal(parsed_by(task_batch_parse_elevations, "[[1,2,3]]", 2, 0), 3);
    assert_int_equal(parsed_by(task_batch_parse_elevations, "[[1,2,3],true]", 1, 1), 3);
    assert_int_equal(parsed_by(task_parse_elevation_sqlite, "[2]", 1, 0), 0);
    assert_int_equal(parsed_by(task_parse_elevation_sqlite, "[2]", 3, 0), 1);
    assert_int_equal(parsed_by(task_parse_elevation_sqlite, "[2]", 1, 2), 1);
    sql("UPDATE elevations SET parse_status = 'pending' WHERE parse_status = 'in_progress'");
    cJSON_Delete(sync_task(&world, TRIGGER, NULL, NULL, NULL));
}

static struct buf sent; /* the arguments of each message, a line each */
static bool has_queue;

static int take_message(void *self, const char *task, const cJSON *args, const cJSON *kwargs,
                        const struct task_options *options, char *id_out, struct err *err)
{
    (void)self, (void)kwargs, (void)options, (void)id_out;
    if (!has_queue) return err_set(err, ERR_REDIS, "no queue");
    assert_string_equal(task, BATCH);
    char *text = cJSON_PrintUnformatted(args);
    buf_printf(&sent, "%s\n", text);
    free(text);
    return 0;
}

/* What parts_request_soon sends for the first project (elevations 1 to 6). */
static const char *soon(void)
{
    struct err err = {0};
    struct task_ctx ctx;
    struct conf *conf = own_conf();
    struct db *db = db_open(world.pg.url, NULL, 10000, "test", &err);
    task_ctx_local(&ctx, conf, "test", "test", NULL);
    struct task_ops ops = *ctx.ops;
    ops.enqueue = take_message;
    ctx.ops = &ops;
    buf_reset(&sent);
    buf_str(&sent, "");
    assert_int_equal(parts_request_soon(&ctx, db, number("SELECT project_id FROM elevations WHERE id = 1"), &err), 0);
    db_close(db);
    conf_free(conf);
    return sent.data;
}

TEST(test_lists_of_a_project_are_read_while_the_sync_goes_on)
{
    char *wanted = pg_value(&world.pg, "SELECT '[[' || string_agg(id::text, ',' ORDER BY id) || E']]\n' FROM elevations"
                                       " WHERE project_id = (SELECT project_id FROM elevations WHERE id = 1)");
    has_queue = true;
    assert_string_equal(soon(), ""); /* they are read already */
    sql("UPDATE elevations SET parse_status = 'pending'");
    assert_string_equal(soon(), wanted);
    sql("UPDATE object_sync_configs SET batch_size = 4 WHERE object_type = 'sqlite_parser'");
    soon();
    assert_non_null(strstr(sent.data, "]]\n[["));
    sql("UPDATE object_sync_configs SET is_sync_enabled = false WHERE object_type = 'sqlite_parser'");
    assert_string_equal(soon(), "");
    sql("UPDATE object_sync_configs SET is_sync_enabled = true, batch_size = 100 WHERE object_type = 'sqlite_parser'");
    has_queue = false;
    assert_string_equal(soon(), "");
    assert_int_equal(number("SELECT count(*) FROM elevations WHERE parse_status = 'pending'"),
                     12); /* not here, either */
    cJSON_Delete(sync_task(&world, TRIGGER, NULL, NULL, NULL));
    buf_free(&sent);
    free(wanted);
}

#define replace_by_list(elevation, statements) parts_list_replace(&world.pg, elevation, statements)

/* The lists as the upstream has them again. */
static void heal(void)
{
    sql("DELETE FROM elevation_parts_lists");
    sync_all(&world, true);
    assert_truth(&world, true);
}

TEST(test_row_of_the_elevation_is_found_by_its_name)
{
    char *name = pg_value(&world.pg, "SELECT quote_literal(name) FROM elevations WHERE id = 1"), again[300];
    snprintf(again, sizeof again, "UPDATE elevations SET name = %s WHERE id = 1", name);
    free(name);
    sql("UPDATE elevations SET name = 'P01' WHERE id = 1");
    replace_by_list(
        1, "INSERT INTO Elevations (Name, SystemCode) VALUES ('unrelated', 'X'), ('P01', 'S1'), ('P010', 'Y')");

    expect_status(PARSE, "[1]", "success");
    assert_int_equal(number("SELECT count(*) FROM elevations WHERE id = 1 AND system_code = 'S1'"), 1);
    sql("UPDATE elevations SET name = 'P02', parse_version = 0 WHERE id = 1");
    expect_status(PARSE, "[1]", "partial");
    assert_int_equal(number("SELECT count(*) FROM elevations WHERE id = 1 AND system_code IS NULL AND parse_error ="
                            " 'it has 3 elevations, and not exactly one of them is P02'"),
                     1);
    sql(again); /* a plain sync reads no elevation that has not changed upstream */
}

TEST(test_what_an_older_reader_has_read_is_read_again)
{
    heal();
    sql("UPDATE elevations SET parse_version = 1, system_code = 'X', auto_description = 'of another window';"
        "UPDATE elevations SET parse_status = 'failed', parse_retry_count = 9, parse_error = 'x' WHERE id = 2");

    cJSON *result = sync_task(&world, TRIGGER, NULL, NULL, NULL);

    assert_int_equal(result_number(result, "parsed"), 12);
    cJSON_Delete(result);
    assert_truth(&world, true);
    result = sync_task(&world, TRIGGER, NULL, NULL, NULL);
    assert_int_equal(result_number(result, "triggered"), 0);
    cJSON_Delete(result);
}

/* Bytes of another encoding, and a value that the database refuses, among healthy lists. */
TEST(test_one_bad_list_keeps_no_other_out)
{
    heal();
    sql("ALTER TABLE elevation_glass ADD CONSTRAINT refuses CHECK (name <> 'refused')");
    sql("UPDATE elevations SET parse_status = 'pending', auto_description = NULL");
    replace_by_list(1, "INSERT INTO Elevations (Name) VALUES ('x');"
                       "INSERT INTO Glass VALUES ('G1', cast(x'476c6173e4' as text))");
    replace_by_list(2, "INSERT INTO Elevations (Name) VALUES ('x'); INSERT INTO Glass VALUES ('G1', 'refused')");

    cJSON *result = sync_task(&world, TRIGGER, NULL, NULL, NULL);

    assert_int_equal(result_number(result, "parsed"), 11);
    assert_int_equal(result_number(result, "failed"), 1);
    cJSON_Delete(result);
    assert_int_equal(number("SELECT count(*) FROM elevations WHERE parse_status = 'success'"), 10);
    assert_int_equal(number("SELECT count(*) FROM elevations e JOIN elevation_glass g ON g.elevation_id = e.id"
                            " WHERE e.id = 1 AND parse_status = 'partial' AND g.name = 'Glas?' AND parse_error ="
                            " 'Glass.Name: bytes that are not UTF-8 were replaced'"),
                     1);
    assert_int_equal(number("SELECT count(*) FROM elevations e JOIN parsing_error_logs l ON l.elevation_id = e.id"
                            " WHERE e.id = 2 AND parse_status = 'failed' AND l.error_type = 'storage'"
                            " AND l.error_message LIKE '%refuses%' AND e.parse_error LIKE '%refuses%'"),
                     1);
    sql("ALTER TABLE elevation_glass DROP CONSTRAINT refuses");
    heal();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_enrichment_is_what_the_file_says),
    cmocka_unit_test(test_same_content_is_read_once),
    cmocka_unit_test(test_lines_are_written_when_they_are_others),
    cmocka_unit_test(test_unreadable_file_fails_is_logged_and_retried),
    cmocka_unit_test(test_new_version_heals),
    cmocka_unit_test(test_batch_with_all_sorts_of_ids),
    cmocka_unit_test(test_trigger_reads_everything_that_waits),
    cmocka_unit_test(test_parser_that_died_is_replaced),
    cmocka_unit_test(test_numbers_that_no_row_can_have),
    cmocka_unit_test(test_message_that_comes_again_does_what_it_had_begun),
    cmocka_unit_test(test_lists_of_a_project_are_read_while_the_sync_goes_on),
    cmocka_unit_test(test_row_of_the_elevation_is_found_by_its_name),
    cmocka_unit_test(test_what_an_older_reader_has_read_is_read_again),
    cmocka_unit_test(test_one_bad_list_keeps_no_other_out),
};
TEST_MAIN(tests, start, stop)
