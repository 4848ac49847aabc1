/* Streamed answers at their edges: one that breaks in the middle never looks whole, headers are those of other answers,
 * an unchanged one is not sent again, and only so many are sent at a time. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/web/http/streams.h"
#include "tests/support/answers/download.h"
#include "tests/support/web.h"

#define LIST "/api/v1/elevations/cached"
#define TREE "/api/v1/odoo/projects/big/complete?auto_sync=false"

static struct web_server web;
static char *token, *other;

FIXTURE(set_up)
{
    static const char *const environment[] = {"LOG_LEVEL=warning", "HTTP_TIMEOUT_SECONDS=300", NULL};
    web_servers(&web);
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name) VALUES ('big', 'Big')");
    pg_exec(&web.pg, "INSERT INTO phases (logikal_id, name, project_id) VALUES ('h', 'Phase', 1)");
    pg_exec(&web.pg,
            "INSERT INTO elevations (logikal_id, name, phase_id, project_id) SELECT 'e' || i, 'Elevation ' || i,"
            " 1, 1 FROM generate_series(1, 40000) i");
    pg_exec(&web.pg, "ANALYZE");
    web_run(&web, environment, true);
    web_log_in(&web);
    token = web_client(&web, "reader", "[\"projects:read\",\"elevations:read\"]");
    other = web_client(&web, "other", "[\"projects:read\",\"elevations:read\"]");
    return 0;
}

FIXTURE(tear_down)
{
    free(token);
    free(other);
    web_end(&web);
    return 0;
}

static void prepare(struct download *d, const char *path)
{
    memset(d, 0, sizeof *d);
    snprintf(d->url, sizeof d->url, "%s%s", web.url, path);
    d->bearer = token;
}

static struct http_reply ask(const char *method, const char *path, const char *more)
{
    return web_ask(&web, method, path, token, more);
}

static char *etag_of(const struct http_reply *reply)
{
    const char *at = strcasestr(reply->headers, "\r\nETag: ");
    if (!at) fail_msg("no ETag in: %s", reply->headers);
    return strndup(at + 8, strcspn(at + 8, "\r"));
}

TEST(test_an_answer_that_breaks_never_looks_whole)
{
    static const struct {
        const char *path;
        bool is_gzip, is_http_1_0;
    } table[] = {{LIST, false, false}, {LIST, true, false}, {LIST, false, true},
                 {TREE, false, false}, {TREE, true, false}, {TREE, false, true}};
    enum { N = sizeof table / sizeof *table };
    static struct download d[N];
    for (int i = 0; i < N; i++) {
        prepare(&d[i], table[i].path);
        d[i].is_gzip = table[i].is_gzip;
        d[i].is_http_1_0 = table[i].is_http_1_0;
        d[i].stops = true;
        download_start(&d[i]);
    }
    for (int i = 0; i < N; i++) WAIT_UNTIL(atomic_load(&d[i].has_begun), 30000);

    pg_kill(&web.pg);
    for (int i = 0; i < N; i++) download_go_on(&d[i]);
    for (int i = 0; i < N; i++) download_join(&d[i]);
    pg_restart(&web.pg);

    for (int i = 0; i < N; i++) {
        assert_int_equal(d[i].status, 200);
        if (d[i].failure == 0) fail_msg("answer %d (%s) ended well after %zu bytes", i, table[i].path, d[i].bytes);
        assert_false(json_walk_is_whole(&d[i].walk));
        assert_int_not_equal(d[i].walk.state, WALK_BAD); /* nothing strange in what came */
    }
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL) == 200, 20000);
    WAIT_UNTIL(process_logged(&web.process, "the answer was cut after"), 5000);
}

TEST(test_clients_of_every_age_get_it_whole)
{
    for (int i = 0; i < 4; i++) {
        struct download d;
        prepare(&d, LIST);
        d.is_http_1_0 = i & 1;
        d.is_gzip = i & 2;
        download_run(&d);
        assert_int_equal(d.failure, 0);
        assert_true(json_walk_is_whole(&d.walk));
        assert_true((strcasestr(d.headers, "Transfer-Encoding: chunked") != NULL) == !d.is_http_1_0);
    }
}

TEST(test_headers_of_a_stream_are_those_of_its_encoding)
{
    static const char *const paths[] = {LIST, TREE};
    for (int i = 0; i < 2; i++) {
        struct http_reply plain = ask("HEAD", paths[i], NULL), packed = ask("HEAD", paths[i], "Accept-Encoding: gzip");
        char *a = etag_of(&plain), *b = etag_of(&packed);

        assert_int_equal(plain.status, 200);
        assert_int_equal(packed.status, 200);
        assert_null(strcasestr(plain.headers, "Content-Encoding"));
        assert_non_null(strcasestr(packed.headers, "Content-Encoding: gzip"));
        assert_non_null(strcasestr(plain.headers, "Vary: Accept-Encoding"));
        assert_non_null(strcasestr(packed.headers, "Vary: Accept-Encoding"));
        assert_int_equal(strncmp(a, "W/\"", 3), 0); /* one name for two sequences of bytes */
        assert_string_equal(plain.body, "");
        free(a);
        free(b);
        http_reply_free(&plain);
        http_reply_free(&packed);
    }
}

/* A HEAD answer must leave the connection as it found it: curl reuses it for the second URL. */
TEST(test_a_connection_goes_on_after_the_head_of_a_stream)
{
    char command[3000], *output = NULL;
    snprintf(command, sizeof command,
             "curl -s --noproxy '*' -I -o /dev/null -w '%%{num_connects} ' -H 'Authorization: Bearer %s' %s%s"
             " --next -s --noproxy '*' -o /dev/null -w '%%{http_code} %%{num_connects}' %s/health",
             token, web.url, LIST, web.url);
    char *argv[] = {"sh", "-c", command, NULL};

    assert_int_equal(process_run(argv, NULL, &output), 0);
    assert_string_equal(output, "1 200 0");
    free(output);
}

TEST(test_an_unchanged_tree_is_not_sent_again)
{
    char known[200];
    struct http_reply first = ask("HEAD", TREE, NULL);
    char *etag = etag_of(&first);
    snprintf(known, sizeof known, "If-None-Match: %s", etag);

    struct http_reply same = ask("GET", TREE, known);
    PGconn *pg = pg_connect(&web.pg);
    PQclear(PQexec(pg, "BEGIN"));
    PQclear(PQexec(pg, "LOCK TABLE elevations IN ACCESS EXCLUSIVE MODE"));
    struct http_reply unread = ask("GET", TREE, known); /* told without looking at the elevations */
    PQclear(PQexec(pg, "ROLLBACK"));
    PQfinish(pg);
    pg_exec(&web.pg, "UPDATE elevations SET name = 'Renamed' WHERE id = 3");
    struct http_reply changed = ask("HEAD", TREE, known);

    assert_int_equal(same.status, 304);
    assert_int_equal(unread.status, 304);
    assert_string_equal(same.body, "");
    assert_int_equal(changed.status, 200);
    http_reply_free(&first);
    http_reply_free(&same);
    http_reply_free(&unread);
    http_reply_free(&changed);
    free(etag);
}

TEST(test_large_answers_wait_for_their_turn)
{
    static struct download d[STREAMS_MAX], next, gone, own;
    for (int i = 0; i < STREAMS_MAX; i++) {
        if (i == STREAMS_OWN) { /* one client has its share: its next one waits, others do not */
            prepare(&own, LIST);
            download_start(&own);
            for (int j = 0; j < 5; j++) assert_int_equal(web_status(&web, "GET", LIST "?limit=5", token, NULL), 200);
            assert_false(atomic_load(&own.has_begun));
        }
        prepare(&d[i], LIST);
        if (i >= STREAMS_OWN) d[i].bearer = other;
        d[i].stops = d[i].gives_up = true;
        download_start(&d[i]);
        if (i >= STREAMS_OWN - 1)
            for (int j = 0; j <= i; j++) WAIT_UNTIL(atomic_load(&d[j].has_begun), 30000);
    }

    prepare(&gone, LIST);
    gone.timeout_ms = 300;
    download_run(&gone); /* one who does not wait long enough */
    assert_int_not_equal(gone.failure, 0);
    assert_int_equal(gone.status, 0);
    prepare(&next, LIST);
    next.bearer = other;
    download_start(&next);
    for (int i = 0; i < 5; i++) assert_int_equal(web_status(&web, "GET", LIST "?limit=5", token, NULL), 200);
    assert_false(atomic_load(&next.has_begun));

    download_go_on(&d[0]); /* the place goes to who has fewer, though the other has waited longer */
    download_join(&next);
    download_join(&own);
    assert_int_equal(own.failure, 0);
    for (int i = 1; i < STREAMS_MAX; i++) download_go_on(&d[i]);
    for (int i = 0; i < STREAMS_MAX; i++) download_join(&d[i]);

    assert_int_equal(next.failure, 0);
    assert_true(json_walk_is_whole(&next.walk));
    assert_true(next.bytes > 10u << 20);
}

/* It kills the web process; the next one starts another. */
TEST(test_an_answer_that_a_crash_cuts_never_looks_whole)
{
    static struct download d[2];
    for (int i = 0; i < 2; i++) {
        prepare(&d[i], LIST);
        d[i].is_http_1_0 = i == 1;
        d[i].stops = true;
        download_start(&d[i]);
    }
    for (int i = 0; i < 2; i++) WAIT_UNTIL(atomic_load(&d[i].has_begun), 30000);

    process_signal(&web.process, SIGKILL);
    process_wait(&web.process, 10000);
    for (int i = 0; i < 2; i++) download_go_on(&d[i]);
    for (int i = 0; i < 2; i++) download_join(&d[i]);

    for (int i = 0; i < 2; i++) assert_int_not_equal(d[i].failure, 0);
}

TEST(test_readers_that_are_too_slow_are_cut)
{
    static const char *const environment[] = {"LOG_LEVEL=info", "HTTP_TIMEOUT_SECONDS=2", NULL};
    static struct download stopped, slow;
    web_run(&web, environment, true);
    prepare(&stopped, LIST);
    stopped.stops = true;
    prepare(&slow, TREE);
    slow.pause_ms = 2000; /* 8 KiB a second, half of the least */
    download_start(&stopped);
    download_start(&slow);
    WAIT_UNTIL(atomic_load(&stopped.has_begun) && atomic_load(&slow.has_begun), 30000);

    WAIT_UNTIL(process_logged(&web.process, "route=" LIST " "), 60000);
    download_go_on(&stopped);
    download_join(&stopped);
    WAIT_UNTIL(process_logged(&web.process, "/complete "), 60000);
    slow.pause_ms = 0;
    download_join(&slow);

    assert_int_not_equal(stopped.failure, 0);
    assert_int_not_equal(slow.failure, 0);
    char *log = process_log(&web.process);
    assert_non_null(strstr(log, "client gone"));
    free(log);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_an_answer_that_breaks_never_looks_whole),
    cmocka_unit_test(test_clients_of_every_age_get_it_whole),
    cmocka_unit_test(test_headers_of_a_stream_are_those_of_its_encoding),
    cmocka_unit_test(test_a_connection_goes_on_after_the_head_of_a_stream),
    cmocka_unit_test(test_an_unchanged_tree_is_not_sent_again),
    cmocka_unit_test(test_large_answers_wait_for_their_turn),
    cmocka_unit_test(test_an_answer_that_a_crash_cuts_never_looks_whole),
    cmocka_unit_test(test_readers_that_are_too_slow_are_cut),
};
TEST_MAIN(tests, set_up, tear_down)
