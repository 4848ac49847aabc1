/* 100 000 elevations over HTTP: whole, page by page, and as the ERP's tree; all of them, each once, as valid JSON,
 * while the web process grows by a fraction of the answer, also when readers stop in the middle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/answers/download.h"
#include "tests/support/web.h"

enum { MANY = 100000, SLOW = 6 };

/* What the process may grow by, against answers of some 50 MB. */
#ifdef __SANITIZE_ADDRESS__
enum { GROWTH_KB = 24 << 10 };
#else
enum { GROWTH_KB = 12 << 10 };
#endif

static struct web_server web;
static char *token;
static long baseline_kb;

static long peak_kb(void)
{
    char path[64], line[256];
    long kb = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)web.process.pid);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0) kb = strtol(line + 6, NULL, 10);
    fclose(f);
    assert_true(kb > 0);
    return kb;
}

static void assert_grew_little(void)
{
    long grown_kb = peak_kb() - baseline_kb;
    print_message("grew by %ld KB\n", grown_kb);
    if (grown_kb > GROWTH_KB) fail_msg("the web process grew by %ld KB, more than %d", grown_kb, GROWTH_KB);
}

static void fill(struct pg_server *pg)
{
    pg_exec(pg, "INSERT INTO directories (logikal_id, name) VALUES ('d1', 'Directory')");
    pg_exec(pg, "INSERT INTO projects (logikal_id, name, directory_id) VALUES ('big', 'Big', 1), ('wide', 'Wide', 1),"
                " ('rest', 'Rest', 1)");
    pg_exec(pg, "INSERT INTO phases (logikal_id, name, project_id) SELECT 'h' || i, 'Phase ' || i, 1 FROM"
                " generate_series(1, 12) i");
    pg_exec(pg, "INSERT INTO phases (logikal_id, name, project_id) SELECT 'w' || i, 'Phase \"' || i || '\"', 2 FROM"
                " generate_series(1, 3000) i");
    pg_exec(pg, "INSERT INTO phases (logikal_id, name, project_id) VALUES ('r', 'Phase', 3)");
    pg_exec(pg, "INSERT INTO elevations (logikal_id, name, description, phase_id, project_id) SELECT 'e' || i,"
                " 'Elevation Ü ' || i, 'A window with two sashes', CASE WHEN i <= 38000 THEN 1 WHEN i <= 40000"
                " THEN 2 + i % 10 WHEN i <= 46000 THEN 13 + i % 3000 ELSE 3013 END,"
                " CASE WHEN i <= 40000 THEN 1 WHEN i <= 46000 THEN 2 ELSE 3 END FROM generate_series(1, 100000) i");
    pg_exec(pg, "ANALYZE");
}

FIXTURE(set_up)
{
    static const char *const settings[] = {"LOG_LEVEL=warning", "HTTP_TIMEOUT_SECONDS=300",
                                           "ASAN_OPTIONS=detect_leaks=1:exitcode=99:quarantine_size_mb=2", NULL};
    web_servers(&web);
    fill(&web.pg);
    web_run(&web, settings, true);
    web_log_in(&web);
    token = web_client(&web, "reader", "[\"projects:read\",\"elevations:read\"]");
    struct http_reply first = web_call(&web, "GET", "/api/v1/elevations/cached?limit=2500", token, NULL);
    assert_int_equal(first.status, 200);
    http_reply_free(&first);
    baseline_kb = peak_kb();
    return 0;
}

FIXTURE(tear_down)
{
    free(token);
    web_end(&web);
    return 0;
}

/* ---- counting ---- */

struct counted {
    long ids, last, wrong, count; /* wrong: not after the one before */
};

/* {"data":[{"id":7,...},...],"count":n} */
static void on_list_scalar(void *arg, int depth, const char *key, const char *text)
{
    struct counted *c = arg;
    if (depth == 3 && strcmp(key, "id") == 0) {
        long id = strtol(text, NULL, 10);
        c->wrong += id <= c->last;
        c->last = id;
        c->ids++;
    }
    if (depth == 1 && strcmp(key, "count") == 0) c->count = strtol(text, NULL, 10);
}

static void prepare(struct download *d, const char *path, void (*scalar)(void *, int, const char *, const char *),
                    void *arg)
{
    memset(d, 0, sizeof *d);
    snprintf(d->url, sizeof d->url, "%s%s", web.url, path);
    d->bearer = token;
    d->walk = (struct json_walk){.scalar = scalar, .arg = arg};
}

static void assert_all(const struct download *d, const struct counted *c)
{
    assert_int_equal(d->failure, 0);
    assert_int_equal(d->status, 200);
    assert_true(json_walk_is_whole(&d->walk));
    assert_int_equal(c->wrong, 0);
    assert_int_equal(c->ids, MANY);
    assert_int_equal(c->count, MANY);
    assert_true(d->bytes > 40u << 20);
}

TEST(test_the_list_is_streamed_and_readers_that_stop_cost_a_piece_each)
{
    static struct download slow[SLOW];
    struct counted counts[SLOW] = {0}, c = {0};
    struct download fast;
    for (int i = 0; i < SLOW; i++) {
        prepare(&slow[i], "/api/v1/elevations/cached", on_list_scalar, &counts[i]);
        slow[i].stops = true;
        slow[i].is_gzip = i % 2;
        slow[i].gives_up = i != 1;
        download_start(&slow[i]);
    }
    for (int i = 0; i < SLOW; i++) WAIT_UNTIL(atomic_load(&slow[i].has_begun), 30000);

    /* While one reads it all, the others could have been sent it all. */
    prepare(&fast, "/api/v1/elevations/cached", on_list_scalar, &c);
    download_run(&fast);

    assert_all(&fast, &c);
    assert_grew_little();
    for (int i = 0; i < SLOW; i++) download_go_on(&slow[i]);
    for (int i = 0; i < SLOW; i++) download_join(&slow[i]);
    assert_all(&slow[1], &counts[1]);
    assert_grew_little();
}

TEST(test_pages_cover_everything_once)
{
    struct counted c = {0};
    long counted = 0;
    for (char path[128] = "/api/v1/elevations/cached?limit=2500"; *path;) {
        struct http_reply reply = web_call(&web, "GET", path, token, NULL);
        struct json_walk walk = {.scalar = on_list_scalar, .arg = &c};
        assert_int_equal(reply.status, 200);
        assert_true(json_walk_feed(&walk, reply.body, strlen(reply.body)) && json_walk_is_whole(&walk));
        counted += c.count;
        const char *next = strstr(reply.body, "\"next_cursor\":");
        assert_non_null(next);
        *path = 0;
        if (strncmp(next + 14, "null", 4) != 0)
            snprintf(path, sizeof path, "/api/v1/elevations/cached?limit=2500&cursor=%ld", strtol(next + 14, NULL, 10));
        http_reply_free(&reply);
    }
    assert_int_equal(c.wrong, 0);
    assert_int_equal(c.ids, MANY);
    assert_int_equal(counted, MANY);
    assert_grew_little();
}

/* ---- the ERP's tree ---- */

struct tree {
    unsigned char seen[2][MANY + 1]; /* in the project; in phases_with_elevations */
    long elevations[2], phases[2];
    long said_phases, said_elevations, sum_of_phases;
};

/* depth 6: {"project":{"phases":[{"elevations":[{...}; 5: {"phases_with_elevations":[{"elevations":[{... */
static void on_tree_scalar(void *arg, int depth, const char *key, const char *text)
{
    struct tree *t = arg;
    int second = depth == 5;
    if ((depth == 6 || depth == 5) && strcmp(key, "id") == 0 && *text == 'e') {
        long n = strtol(text + 1, NULL, 10);
        if (n > 0 && n <= MANY) t->seen[second][n]++;
        t->elevations[second]++;
    }
    if (strcmp(key, "elevations_count") == 0) {
        t->phases[depth == 3]++;
        t->sum_of_phases += strtol(text, NULL, 10);
    }
    if (depth == 2 && strcmp(key, "phases_count") == 0) t->said_phases += strtol(text, NULL, 10);
    if (depth == 2 && strcmp(key, "total_elevations") == 0) t->said_elevations += strtol(text, NULL, 10);
}

static void assert_tree(const char *project, bool is_gzip, int first, int last, int phases)
{
    static struct tree t;
    struct download d;
    char path[200];
    memset(&t, 0, sizeof t);
    snprintf(path, sizeof path, "/api/v1/odoo/projects/%s/complete?auto_sync=false", project);
    prepare(&d, path, on_tree_scalar, &t);
    d.is_gzip = is_gzip;

    download_run(&d);

    int n = last - first + 1;
    assert_int_equal(d.failure, 0);
    assert_int_equal(d.status, 200);
    assert_true(json_walk_is_whole(&d.walk));
    assert_int_equal(t.elevations[0], n);
    assert_int_equal(t.elevations[1], n);
    for (int i = first; i <= last; i++) assert_true(t.seen[0][i] == 1 && t.seen[1][i] == 1);
    assert_int_equal(t.phases[0], phases);
    assert_int_equal(t.phases[1], phases);
    assert_int_equal(t.sum_of_phases, 2 * n);
    assert_int_equal(t.said_elevations, 2 * n); /* the project's, and the summary's */
    assert_int_equal(t.said_phases, 2 * phases);
    assert_grew_little();
}

TEST(test_the_tree_of_a_large_project_is_streamed)
{
    assert_tree("big", false, 1, 40000, 12);
}

TEST(test_the_tree_of_many_small_phases_is_streamed)
{
    assert_tree("wide", true, 40001, 46000, 3000);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_list_is_streamed_and_readers_that_stop_cost_a_piece_each),
    cmocka_unit_test(test_pages_cover_everything_once),
    cmocka_unit_test(test_the_tree_of_a_large_project_is_streamed),
    cmocka_unit_test(test_the_tree_of_many_small_phases_is_streamed),
};
TEST_MAIN(tests, set_up, tear_down)
