/* The snapshot of the whole copy: that it and the journal behind its cursor are together all that is there, nothing
 * missed and nothing twice, while writers are at work; and that nobody holds it for ever, or reads on without the
 * right. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "tests/support/answers/download.h"
#include "tests/support/feed.h"
#include "tests/support/mirror.h"
#include "tests/support/web.h"

#define ROWS 1600 /* elevations at the beginning */

static struct web_server web;
static char *token;
static struct mirror mirror = {.web = &web};

static void run(const char *seconds)
{
    const char *const environment[] = {"LOG_LEVEL=warning", seconds, NULL};
    web_run(&web, environment, true);
}

FIXTURE(set_up)
{
    web_servers(&web);
    run("CHANGES_SNAPSHOT_SECONDS=600");
    web_log_in(&web);
    token = web_client(&web, "erp", "[\"projects:read\",\"elevations:read\"]");
    mirror.token = token;
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name) VALUES ('d', 'D')");
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name, directory_id) VALUES ('p', 'P', 1), ('q', 'Q', 1)");
    pg_exec(&web.pg, "INSERT INTO phases (logikal_id, name, project_id) VALUES ('h', 'H', 1)");
    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, project_id) SELECT 'e' || i, 'first', 1, 1"
                     " FROM generate_series(1, 1600) i");
    return 0;
}

FIXTURE(tear_down)
{
    free(token);
    web_end(&web);
    return 0;
}

static struct http_reply ask(const char *path, const char *bearer)
{
    char full[4500];
    snprintf(full, sizeof full, "/api/v1/changes%s", path);
    return web_call(&web, "GET", full, bearer, NULL);
}

/* ---- writers ---- */

#define WRITERS 8

/* Each has rows of its own to change, so that they do not wait for each other. */
static void write_on(int writer, int until)
{
    PGconn *conn = pg_connect(&web.pg);
    unsigned seed = (unsigned)writer * 7919u + 1;
    for (int i = 0; access("/proc/self", F_OK) == 0 && read(until, &(char){0}, 1) < 0; i++) {
        char sql[700];
        int n = rand_r(&seed) % (ROWS / WRITERS) * WRITERS + writer + 1;
        snprintf(
            sql, sizeof sql,
            "BEGIN; INSERT INTO elevations (logikal_id, name, phase_id, project_id) VALUES ('w%d-%d', 'born', 1, 1);"
            " SELECT pg_sleep(%d / 1000.0); UPDATE elevations SET name = 'n%d' WHERE deleted_at IS NULL AND id = %d;"
            " SELECT pg_sleep(%d / 1000.0); UPDATE elevations SET %s WHERE logikal_id = 'w%d-%d';"
            " DELETE FROM elevations WHERE deleted_at IS NULL AND logikal_id = 'w%d-%d'; %s",
            writer, i, rand_r(&seed) % 30, i, n, rand_r(&seed) % 30,
            i % 4 == 2 ? "deleted_at = now()" : "name = 'grown'", writer, i, writer, i - 5,
            i % 5 == 4 ? "ROLLBACK" : "COMMIT");
        PQclear(PQexec(conn, sql));
    }
    PQfinish(conn);
    _exit(0);
}

TEST(test_a_snapshot_and_what_follows_are_all_there_is)
{
    static char cursor[4200];
    int until[2], with_others = 0;
    pid_t pids[WRITERS];
    assert_int_equal(pipe2(until, O_NONBLOCK | O_CLOEXEC), 0);
    for (int i = 0; i < WRITERS; i++)
        if ((pids[i] = fork()) == 0) {
            close(until[1]);
            write_on(i, until[0]);
        }

    for (int round = 0; round < 4; round++) {
        mirror_clear(&mirror);
        mirror_begin(&mirror, cursor);
        with_others += strchr(cursor, '~') != NULL;
        for (int i = 0; i < 12; i++) mirror_follow_somehow(&mirror, cursor);
    }
    close(until[1]); /* the writers end */
    for (int i = 0; i < WRITERS; i++) waitpid(pids[i], NULL, 0);
    close(until[0]);
    WAIT_UNTIL((mirror_follow_somehow(&mirror, cursor), mirror_is_at_end(&mirror, cursor)), 60000);

    assert_null(strchr(cursor, '~'));
    assert_true(with_others > 0); /* some were taken beside running transactions */
    mirror_compare(&mirror);
    mirror_clear(&mirror);
}

/* Whoever stops in a page, wherever, goes on there: also before its only change. */
TEST(test_a_mirror_may_stop_anywhere_in_a_page)
{
    static char cursor[4200];
    for (int limit = 1; limit <= 4; limit++)
        for (int most = 0; most <= limit; most++) {
            mirror_clear(&mirror);
            mirror_begin(&mirror, cursor);
            pg_exec(&web.pg,
                    "INSERT INTO elevations (logikal_id, name, phase_id, project_id) VALUES ('s', 'born', 1, 1)");
            pg_exec(&web.pg, "UPDATE elevations SET name = 'grown' WHERE logikal_id = 's'");
            pg_exec(&web.pg, "UPDATE elevations SET deleted_at = now() WHERE logikal_id = 's'");
            pg_exec(&web.pg, "UPDATE elevations SET name = name || '.' WHERE id IN (1, 2)");
            pg_exec(&web.pg, "UPDATE elevations SET logikal_id = 's-' || id WHERE logikal_id = 's'");

            mirror_follow(&mirror, cursor, limit, most);
            WAIT_UNTIL((mirror_follow(&mirror, cursor, limit, limit), mirror_is_at_end(&mirror, cursor)), 30000);

            mirror_compare(&mirror);
        }
    mirror_clear(&mirror);
}

TEST(test_every_type_is_there_with_the_fields_that_the_journal_tells)
{
    static const char *const words[] = {"directory", "project",    "phase", "elevation",
                                        "thumbnail", "parts_list", "glass"};
    int seen[7] = {0};
    pg_exec(&web.pg,
            "INSERT INTO elevation_thumbnails (elevation_id, sha256, size_bytes) VALUES (1, 'aa', 1), (2, NULL, 0)");
    pg_exec(&web.pg, "INSERT INTO elevation_parts_lists (elevation_id, sha256, size_bytes) VALUES (1, 'bb', 2)");
    pg_exec(&web.pg, "INSERT INTO elevation_glass (elevation_id, glass_id, name) VALUES (1, 'G', 'Float')");
    pg_exec(&web.pg, "UPDATE directories SET name = E'tab\\t\"quoted\"\\nline'");

    struct http_reply reply = ask("/snapshot", token);

    assert_int_equal(reply.status, 200);
    for (char *save = NULL, *line = strtok_r(reply.body, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        cJSON *object = cJSON_Parse(line), *field;
        const char *type = feed_text(object, "type");
        int i = 0;
        while (type && i < 7 && strcmp(words[i], type) != 0) i++;
        if (type && i < 7 && seen[i]++ == 0) { /* the columns that its trigger watches */
            char sql[400];
            static const char *const tables[] = {
                "directories",           "projects",       "phases", "elevations", "elevation_thumbnails",
                "elevation_parts_lists", "elevation_glass"};
            assert_non_null(feed_text(object, "logikal_id"));
            snprintf(sql, sizeof sql,
                     "SELECT count(DISTINCT m[1]) FROM pg_proc, regexp_matches(prosrc, "
                     "'''(\\w+)'', CASE WHEN o\\.', 'g') m WHERE proname = 'changes_of_update_%s'",
                     tables[i]);
            assert_int_equal(pg_int(&web.pg, sql), cJSON_GetArraySize(cJSON_GetObjectItem(object, "fields")));
            cJSON_ArrayForEach(field, cJSON_GetObjectItem(object, "fields")) {
                snprintf(sql, sizeof sql,
                         "SELECT count(*) FROM pg_proc WHERE proname = 'changes_of_update_%s' AND"
                         " strpos(prosrc, '''%s'', CASE WHEN o.') > 0",
                         tables[i], field->string);
                if (pg_int(&web.pg, sql) != 1) fail_msg("%s.%s is not watched", tables[i], field->string);
            }
        }
        cJSON_Delete(object);
    }
    for (int i = 0; i < 7; i++)
        if (seen[i] == 0) fail_msg("no %s", words[i]);
    assert_int_equal(seen[4], 1); /* the one that is there */
    http_reply_free(&reply);
}

TEST(test_what_is_no_cursor_of_a_snapshot_is_refused)
{
    static const char *const bad[] = {"1-5-0-0~",       "1-5-0-0~5:4:",       "1-5-0-0~5:9:9",      "1-5-0-0~5:9:6,5",
                                      "1-5-0-0~5:9:5,", "1-5-0-0~0:9:5",      "1-5-0-0~5:9:,5",     "1-5-0-0~5:9",
                                      "1-5-0-0~x:9:",   "1-5-0-0~5:9:5%2C4x", "1-5-0-0~5:9:5~5:9:", "~5:9:5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char path[120];
        snprintf(path, sizeof path, "?since=%s", bad[i]);
        struct http_reply reply = ask(path, token);
        if (reply.status != 422) printf("%s: %ld\n", bad[i], (long)reply.status);
        assert_int_equal(reply.status, 422);
        http_reply_free(&reply);
    }
    struct http_reply reply = ask("/snapshot?types=window", token);
    assert_int_equal(reply.status, 422);
    http_reply_free(&reply);
}

static void prepare(struct download *d, const char *bearer)
{
    memset(d, 0, sizeof *d);
    snprintf(d->url, sizeof d->url, "%s/api/v1/changes/snapshot", web.url);
    d->bearer = bearer;
    d->stops = d->is_lines = true;
}

static int64_t snapshots_open(void)
{
    return pg_int(&web.pg, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND"
                           " application_name LIKE 'logikald%'");
}

static void make_long(void)
{
    pg_exec(
        &web.pg,
        "INSERT INTO elevations (logikal_id, name, phase_id, project_id, description) SELECT 'l' || i, 'long', 1, 1,"
        " repeat(md5(i::text), 30) FROM generate_series(1, 9000) i");
}

TEST(test_a_client_has_its_share_and_who_goes_ends_his)
{
    static struct download d[2];
    make_long();
    char *other = web_client(&web, "other", "[\"projects:read\",\"elevations:read\"]");
    for (int i = 0; i < 2; i++) {
        prepare(&d[i], token);
        d[i].gives_up = i == 0;
        download_start(&d[i]);
    }
    for (int i = 0; i < 2; i++) WAIT_UNTIL(atomic_load(&d[i].has_begun), 30000);
    WAIT_UNTIL(snapshots_open() == 2, 20000);

    struct http_reply own = ask("/snapshot", token), others = ask("/snapshot?types=phase", other);
    assert_int_equal(own.status, 503);
    assert_int_equal(others.status, 200);
    assert_non_null(strstr(others.body, "\"next\":\""));
    http_reply_free(&own);
    http_reply_free(&others);
    download_go_on(&d[0]); /* closes */
    download_join(&d[0]);
    WAIT_UNTIL(snapshots_open() == 1, 20000);
    download_go_on(&d[1]);
    download_join(&d[1]);

    assert_int_equal(d[1].failure, 0);
    assert_non_null(strstr(d[1].tail, "{\"next\":\""));
    WAIT_UNTIL(snapshots_open() == 0, 20000);
    free(other);
}

static int64_t wait_for_versions(void)
{
    return pg_int(&web.pg, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE"
                           " '%FROM table_versions%'");
}

static bool has_taken_all(struct download *d)
{
    static size_t seen;
    static int alike;
    size_t bytes = atomic_load(&d->bytes);
    alike = bytes == seen ? alike + 1 : 0;
    seen = bytes;
    return alike > 20;
}

/* What a client reads counts as its own also while web asks again whether it still may. */
TEST(test_a_share_is_counted_while_it_is_found_out_again_who_reads)
{
    static struct download d[2], third;
    for (int i = 0; i < 2; i++) {
        prepare(&d[i], token);
        download_start(&d[i]);
    }
    for (int i = 0; i < 2; i++) WAIT_UNTIL(atomic_load(&d[i].has_begun), 30000);
    WAIT_UNTIL(snapshots_open() == 2, 20000);
    prepare(&third, token);
    third.stops = false;
    PGconn *pg = pg_connect(&web.pg);
    PQclear(PQexec(pg, "BEGIN; LOCK TABLE table_versions IN ACCESS EXCLUSIVE MODE"));

    download_start(&third);
    WAIT_UNTIL(wait_for_versions() == 1, 20000);
    download_go_on(&d[0]); /* and asks behind the third */
    WAIT_UNTIL(has_taken_all(&d[0]), 20000);
    PQclear(PQexec(pg, "COMMIT"));
    download_join(&third);
    download_go_on(&d[1]);
    for (int i = 0; i < 2; i++) download_join(&d[i]);

    PQfinish(pg);
    assert_int_equal(third.status, 503);
    for (int i = 0; i < 2; i++) assert_non_null(strstr(d[i].tail, "{\"next\":\""));
    WAIT_UNTIL(snapshots_open() == 0, 20000);
}

TEST(test_who_loses_the_right_gets_no_further_row)
{
    static struct download d;
    char *other = web_client(&web, "leaver", "[\"projects:read\",\"elevations:read\"]");
    prepare(&d, other);
    download_start(&d);
    WAIT_UNTIL(atomic_load(&d.has_begun), 30000);

    assert_int_equal(web_status(&web, "PUT", "/api/v1/client-auth/clients/leaver", web.admin,
                                "{\"permissions\":[\"projects:read\"]}"),
                     200);
    download_go_on(&d);
    download_join(&d);

    assert_int_not_equal(d.failure, 0);
    assert_true(d.bytes < 12u << 20); /* no more than was on its way */
    WAIT_UNTIL(snapshots_open() == 0, 20000);
    free(other);
}

TEST(test_who_is_too_slow_is_told_and_holds_nothing)
{
    static struct download d;
    web_stop(&web);
    run("CHANGES_SNAPSHOT_SECONDS=5");
    prepare(&d, token);
    download_start(&d);
    WAIT_UNTIL(atomic_load(&d.has_begun), 30000);
    WAIT_UNTIL(snapshots_open() == 1, 20000);

    WAIT_UNTIL(snapshots_open() == 0, 30000);

    WAIT_UNTIL(process_logged(&web.process, "did not take the snapshot in time"), 20000);
    download_go_on(&d);
    download_join(&d);
    assert_int_equal(d.failure, 0);
    assert_true(d.bytes < 12u << 20);
    assert_non_null(strstr(d.tail, "SNAPSHOT_TOO_SLOW"));
    assert_null(strstr(d.tail, "\"next\""));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_snapshot_and_what_follows_are_all_there_is),
    cmocka_unit_test(test_a_mirror_may_stop_anywhere_in_a_page),
    cmocka_unit_test(test_every_type_is_there_with_the_fields_that_the_journal_tells),
    cmocka_unit_test(test_what_is_no_cursor_of_a_snapshot_is_refused),
    cmocka_unit_test(test_a_client_has_its_share_and_who_goes_ends_his),
    cmocka_unit_test(test_a_share_is_counted_while_it_is_found_out_again_who_reads),
    cmocka_unit_test(test_who_loses_the_right_gets_no_further_row),
    cmocka_unit_test(test_who_is_too_slow_is_told_and_holds_nothing),
};
TEST_MAIN(tests, set_up, tear_down)
