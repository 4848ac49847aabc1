/* Text on its way into PostgreSQL: whatever bytes come, wherever they were cut, no text is the reason of an error; and
 * a row that is refused stops no other. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/err.h"
#include "conf/text/utf8.h"
#include "services/store/db/db.h"

SYNC_WORLD("--directories 2 --projects 2 --phases 2 --elevations 2")

static const char *const scripts[] = {
    "Die angeforderte Ressource ist gesperrt: Fenstertür Süd, Größe über Maß, weiß, öäüÖÄÜß",
    "Żądany zasób jest zablokowany: Škola Žižkov, okno północne ąęłńóśźż",
    "Ο πόρος είναι κλειδωμένος: βόρειο παράθυρο αβγδεζηθικλμνξοπρστυφχψω",
    "المورد المطلوب مقفل: نافذة شمالية",
    "要求されたリソースはロックされています：北の窓",
    "🪟🏠🔒 Fenster 👩‍🔧 \xf0\x9f\x87\xa9\xf0\x9f\x87\xaa",
    "plain ASCII with \\ \" ' { } , \t and \x01",
    "\xff\xfe\xc3 latin-1 \xe4\xf6\xfc, half \xe2\x82, over \xf5\x80\x80\x80, surrogate \xed\xa0\x80",
};

/* Every text, behind 0 to 3 ASCII bytes, cut at every length. */
static void each_text(void (*check)(struct db *db, const char *text), struct db *db)
{
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++)
        for (int shift = 0; shift <= 3; shift++)
            for (size_t len = 0; len <= strlen(scripts[i]); len++) {
                char text[400];
                snprintf(text, sizeof text, "%.*s%.*s", shift, "xyz", (int)len, scripts[i]);
                check(db, text);
            }
}

static void check_parameter(struct db *db, const char *text)
{
    struct err err = {0};
    const char *values[] = {text};
    const int lengths[] = {0};
    PGresult *r = db_query(db, &err, "SELECT $1::text", 1, values);
    PGresult *b = r ? db_query_binary(db, &err, "SELECT $1::text", 1, values, lengths) : NULL;
    if (!b) fail_msg("refused: %s: %s", text, err.text);
    if (utf8_is_valid(text, strlen(text))) assert_string_equal(db_text(r, 0, 0), text);
    assert_string_equal(db_text(r, 0, 0), db_text(b, 0, 0));
    assert_int_equal(strlen(db_text(r, 0, 0)), strlen(text)); /* nothing is lost beside */
    PQclear(r);
    PQclear(b);
}

static void check_array(struct db *db, const char *text)
{
    struct err err = {0};
    struct buf array = {0};
    db_array_begin(&array);
    db_array_add(&array, "before");
    db_array_add(&array, text);
    db_array_add(&array, "after");
    db_array_end(&array);
    const char *values[] = {array.data};
    PGresult *r = db_query(db, &err, "SELECT unnest($1::text[])", 1, values);
    if (!r) fail_msg("refused: %s: %s", text, err.text);
    assert_int_equal(PQntuples(r), 3);
    assert_string_equal(db_text(r, 2, 0), "after");
    PQclear(r);
    buf_free(&array);
}

static void check_copy(struct db *db, const char *text)
{
    struct err err = {0};
    struct buf rows = {0};
    db_copy_field(&rows, text, '\t');
    db_copy_field(&rows, "after", '\n');
    if (db_copy_begin(db, &err, "COPY texts FROM STDIN") < 0 || db_copy_data(db, &err, rows.data, rows.len) < 0 ||
        db_copy_end(db, &err) != 1)
        fail_msg("refused: %s: %s", text, err.text);
    buf_free(&rows);
}

static void check_error_text(struct db *db, const char *text)
{
    struct err err;
    (void)db;
    char long_text[6 * 400];
    snprintf(long_text, sizeof long_text, "%s%s%s%s%s%s", text, text, text, text, text, text);
    err_set(&err, ERR_INPUT, "%.200s: %s", text, long_text);
    assert_true(utf8_is_valid(err.text, strlen(err.text)));
    err_prefix(&err, "%.33s", text);
    assert_true(utf8_is_valid(err.text, strlen(err.text)));
}

TEST(test_no_text_is_an_error)
{
    struct err err = {0};
    struct db *db = db_open(world.pg.url, NULL, 30000, "test", &err);
    assert_non_null(db);
    assert_int_equal(db_script(db, &err, "CREATE TEMP TABLE texts (a text, b text)"), 0);
    each_text(check_parameter, db);
    each_text(check_array, db);
    each_text(check_copy, db);
    each_text(check_error_text, db);
    db_close(db);
}

TEST(test_texts_are_finished_between_characters)
{
    static const char *const rows[][2] = {{"", ""},
                                          {"a", "a"},
                                          {"ü", "ü"},
                                          {"aü", "aü"},
                                          {"a\xc3", "a"},
                                          {"\xe2\x82", ""},
                                          {"x\xf0\x9f\x8f", "x"},
                                          {"\xc3\xc3", "?"},
                                          {"\x80", "?"},
                                          {"a\xe2", "a"},
                                          {"€", "€"},
                                          {"🏠", "🏠"},
                                          {"\xff", "?"},
                                          {"\xf0\x9f", ""},
                                          {"a\x80\x80\x80", "a???"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[20];
        snprintf(text, sizeof text, "%s", rows[i][0]);
        if (strcmp(utf8_finish(text), rows[i][1]) != 0) fail_msg("row %zu: %s", i, text);
    }
}

/* The identifier of the row with the least or the greatest id, "min" or "max". */
static char *id_of(const char *table, const char *which)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT logikal_id FROM %s WHERE id = (SELECT %s(id) FROM %s)", table, which, table);
    return pg_value(&world.pg, sql);
}

static void must_be_told(const char *text, const char *type, const char *id)
{
    char wanted[200];
    snprintf(wanted, sizeof wanted, "%s %s could not be stored", type, id);
    if (!strstr(text, wanted)) fail_msg("%s is not told: %s", wanted, text);
}

/* PostgreSQL refuses one row of each type, for a reason that nobody knew of, and another already where it is staged:
 * each is told by name, and all others are there. */
TEST(test_refused_rows_are_told_and_stop_no_other)
{
    static const struct {
        const char *table, *type;
        int64_t at_least; /* rows of the table that must be there all the same */
        const char *staged;
    } rows[] = {{"elevations", "elevation", 14, "sync_stage_elevations"},
                {"phases", "phase", 3, "sync_stage_phases"}, /* the null GUID is in every project */
                {"projects", "project", 3, NULL},
                {"directories", "directory", 1, NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char sql[400];
        sync_world_clear(&world);
        sync_all(&world, false);
        char *id = id_of(rows[i].table, "max"), *staged = id_of(rows[i].table, "min");
        sync_world_clear(&world);
        snprintf(sql, sizeof sql, "ALTER TABLE %s ADD CONSTRAINT odd CHECK (logikal_id <> '%s')", rows[i].table, id);
        pg_exec(&world.pg, sql);
        if (rows[i].staged) {
            snprintf(sql, sizeof sql, "ALTER TABLE %s ADD CONSTRAINT odd CHECK (id <> '%s')", rows[i].staged, staged);
            pg_exec(&world.pg, sql);
        }

        cJSON *result = sync_task(&world, "tasks.sync_tasks.full_sync_task", NULL, NULL, NULL);

        char *text = cJSON_Print(result);
        must_be_told(text, rows[i].type, id);
        if (rows[i].staged) must_be_told(text, rows[i].type, staged);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", rows[i].table);
        assert_in_range(pg_int(&world.pg, sql), (uintmax_t)rows[i].at_least, 1000);
        free(text);
        cJSON_Delete(result);
        snprintf(sql, sizeof sql, "ALTER TABLE %s DROP CONSTRAINT odd", rows[i].table);
        pg_exec(&world.pg, sql);
        if (rows[i].staged) {
            snprintf(sql, sizeof sql, "ALTER TABLE %s DROP CONSTRAINT odd", rows[i].staged);
            pg_exec(&world.pg, sql);
        }
        sync_all(&world, false);
        assert_truth(&world, true);
        free(staged);
        free(id);
    }
}

/* ---- what a list leaves out ---- */

static void tell(const char *lie, const char *where)
{
    char json[200];
    snprintf(json, sizeof json, "{\"lies\":[{\"name\":\"%s\",\"where\":\"%s\"}]}", lie, where);
    sim_post(&world.sim, "/lies", json);
}

static void expect_told(const cJSON *result, const char *what, const char *text)
{
    char *errors = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(result, "errors"));
    if (!strstr(errors, text)) fail_msg("%s: without \"%s\": %s", what, text, errors);
    free(errors);
}

TEST(test_what_is_left_out_of_what_has_not_changed_is_kept)
{
    static const struct {
        const char *lie, *where, *told;
        bool is_listed_anyway; /* its place is listed although nothing has moved */
    } rows[] = {{"sparse", "elevation", "width of elevations that have not changed", false},
                {"name-null", "elevation", "leaves out name of elevations that have not changed", false},
                {"version-missing", "elevation", "leaves out versionId of elevations that have not changed", false},
                {"number-comma", "elevation", "leaves out width of elevations that have not changed", false},
                {"name-null", "phase", "leaves out name of phases that have not changed", false},
                {"name-null", "project", "leaves out name of projects that have not changed", true},
                {"sparse", "project", "personInCharge of projects that have not changed", true}};
    sync_world_clear(&world);
    sync_all(&world, false);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].is_listed_anyway) sim_post(&world.sim, "/change", "{\"type\":\"project\",\"count\":1000}");
        tell(rows[i].lie, rows[i].where);

        cJSON *result = sync_task(&world, "tasks.sync_tasks.full_sync_task", NULL, NULL, NULL);

        sim_post(&world.sim, "/lies/clear", "{}");
        expect_told(result, rows[i].lie, rows[i].told);
        char *differences = truth_differences(&world, true);
        if (*differences) fail_msg("%s at %s: %s", rows[i].lie, rows[i].where, differences);
        free(differences);
        cJSON_Delete(result);
    }
    tell("sparse", "elevation"); /* whoever forces a sync gets what is listed */
    cJSON *result = sync_task(&world, "tasks.sync_tasks.full_sync_task", NULL, "{\"force_sync\":true}", NULL);
    sim_post(&world.sim, "/lies/clear", "{}");
    expect_told(result, "forced", "it is taken from them, since the sync is forced");
    assert_int_equal(pg_int(&world.pg, "SELECT count(width) FROM elevations"), 0);
    cJSON_Delete(result);
    sync_all(&world, true);
    assert_truth(&world, true);
}

/* A date that is left out does not say that nothing has moved: the project is read, and its row keeps the date. */
TEST(test_project_whose_date_is_left_out_is_read)
{
    static const char *const lies[] = {"sparse", "date-text", "date-huge"};
    sync_world_clear(&world);
    sync_all(&world, false);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        pg_exec(&world.pg, "UPDATE project_cursors SET phases_at = phases_at + interval '1 hour',"
                           " elevations_at = elevations_at + interval '1 hour'"); /* its date is old enough */
        sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":1000}");
        tell(lies[i], "project");

        cJSON_Delete(sync_task(&world, "tasks.sync_tasks.full_sync_task", NULL, NULL, NULL));

        sim_post(&world.sim, "/lies/clear", "{}");
        char *differences = truth_differences(&world, false);
        bool is_old = strstr(differences, "elevation only") != NULL;
        free(differences);
        if (is_old) fail_msg("%s: what it was not read for is old", lies[i]);
        assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM projects WHERE api_changed_date IS NULL"), 0);
        sync_all(&world, false);
        assert_truth(&world, false);
    }
}

/* Whoever asks for what changed since a time gets nothing of a world that has not. */
TEST(test_a_sync_of_what_has_not_changed_moves_no_row)
{
    static const char *const moved =
        "SELECT count(*) FROM (SELECT updated_at FROM directories UNION ALL SELECT"
        " updated_at FROM projects UNION ALL SELECT updated_at FROM phases UNION ALL SELECT"
        " updated_at FROM elevations) x WHERE updated_at > (SELECT max(at) FROM mark)";
    sync_all(&world, false);
    pg_exec(&world.pg, "CREATE TABLE mark AS SELECT now() AS at");
    sync_all(&world, false);
    assert_int_equal(pg_int(&world.pg, moved), 0);
    pg_exec(&world.pg, "UPDATE project_cursors SET phases_date = NULL, elevations_date = NULL"); /* all is listed */
    sync_all(&world, false);
    assert_int_equal(pg_int(&world.pg, moved), 0);
    pg_exec(&world.pg, "UPDATE projects SET job_number = 'other'");
    pg_exec(&world.pg, "UPDATE mark SET at = clock_timestamp()");
    sync_all(&world, false);
    assert_int_equal(pg_int(&world.pg, moved), pg_int(&world.pg, "SELECT count(*) FROM projects"));
    assert_truth(&world, false);
    pg_exec(&world.pg, "DROP TABLE mark");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_no_text_is_an_error),
    cmocka_unit_test(test_texts_are_finished_between_characters),
    cmocka_unit_test(test_refused_rows_are_told_and_stop_no_other),
    cmocka_unit_test(test_what_is_left_out_of_what_has_not_changed_is_kept),
    cmocka_unit_test(test_project_whose_date_is_left_out_is_read),
    cmocka_unit_test(test_a_sync_of_what_has_not_changed_moves_no_row),
};
TEST_MAIN(tests, start, stop)
