/* The table of objects: found by words in any order and spelling, kind, state and directory, sorted, page by page; what
 * changes is found by what it is called now. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/web.h"

static struct web_server web;

FIXTURE(set_up)
{
    static const char *const settings[] = {"LOG_LEVEL=warning", NULL};
    web_servers(&web);
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name, synced_at) VALUES ('d1', 'Wintergärten', now()),"
                     " ('d2', 'Altes', now() - interval '9 days');"
                     "INSERT INTO directories (logikal_id, name, parent_id, exclude_from_sync, synced_at) VALUES"
                     " ('d3', 'Innen', 1, true, now())");
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name, directory_id, job_number, offer_number, person_in_charge,"
                     " last_sync_date, api_changed_date) VALUES"
                     " ('6f9619ff-8b86-d011-b42d-00c04fc964ff', 'Wohnhaus am Deich 138', 1, 'J-94609', 'A/2026/9103',"
                     "  'Jürgen Groß', now(), '2026-01-02'),"
                     " ('p2', '100% \"neu\"_x', 2, NULL, NULL, 'Søren', now() - interval '9 days', '2026-01-03'),"
                     " ('p3', 'Kuester, Bauelemente', 3, NULL, NULL, NULL, now() + interval '1 s', '2026-01-01');"
                     "INSERT INTO project_cursors (project_id, failures, last_error) VALUES (2, 1, 'answered 404')");
    pg_exec(&web.pg, "INSERT INTO phases (logikal_id, name, project_id) VALUES ('f1', 'Bauabschnitt 16', 1),"
                     " ('f2', 'Straße', 3);"
                     "INSERT INTO elevations (logikal_id, name, phase_id, project_id, amount, width, height) VALUES"
                     " ('e1', 'Pos. 001 Küche', 1, 1, 12, 1138, 1041), ('e2', 'Pos. 002 Bad', 1, 1, 1, 1, 1),"
                     " ('e3', '=1+1', 2, 3, 1, 1, 1)");
    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, deleted_at) VALUES"
                     " ('e4', 'Pos. 003 Kueche', 1, now())");
    web_run(&web, settings, true);
    web_log_in(&web);
    return 0;
}

FIXTURE(tear_down)
{
    web_end(&web);
    return 0;
}

/* What the lines are about: "e1 p2". */
static void found(const char *query, char *out, size_t size)
{
    char path[600];
    snprintf(path, sizeof path, "/ui/browse/export?%s", query);
    struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);
    if (reply.status != 200) fail_msg("%s: %d %.200s", query, reply.status, reply.body);
    *out = 0;
    size_t len = 0;
    for (char *line = strstr(reply.body, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
        char kind[20];
        int id;
        if (sscanf(line + 2, "%19[a-z],%d", kind, &id) == 2 && len + 30 < size)
            len += (size_t)snprintf(out + len, size - len, "%s%c%d", len ? " " : "", kind[0], id);
    }
    http_reply_free(&reply);
}

/* Of a kind the first letter: p is a project or a phase. */
static void test_what_is_asked_is_found(void **state)
{
    static const struct {
        const char *query, *ids;
    } rows[] = {
        {"q=k%C3%BCche", "e1"},
        {"q=KUCHE", "e1"},
        {"q=kueche", "e1"},
        {"q=Ku%CC%88che", "e1"}, /* the mark stands behind its letter */
        {"q=k%C3%BCche&state=all", "e1 e4"},
        {"q=kuche&state=gone", "e4"},
        {"q=138+k%C3%BCche+wohnhaus", "e1"},
        {"q=k%C3%BCche+winterg%C3%A4rten", "e1"},
        {"q=kuche+altes", ""},
        {"q=gross+jurgen", "p1"},
        {"q=JUERGEN", "p1"},
        {"q=soren", "p2"},
        {"q=A/2026/9103", "p1"},
        {"q=94609", "p1"},
        {"q=%7B6F9619FF-8B86-D011-B42D-00C04FC964FF%7D", "p1"},
        {"q=8b86-D011", "p1"},
        {"q=strasse", "p2"}, /* a phase */
        {"q=stra%C3%9Fe", "p2"},
        {"q=k%C3%BCster", "p3"},
        {"q=kuster", "p3"},
        {"q=element", "p3"},
        {"q=100%25", "p2"},
        {"q=%25%25", ""},
        {"q=_", "p2"},
        {"q=%5C", ""},
        {"q=%22neu%22", "p2"},
        {"kind=elevation", "e3 e1 e2"},
        {"kind=elevation&sort=-name", "e2 e1 e3"},
        {"kind=project&sort=changed", "p3 p1 p2"},
        {"kind=project&sort=-changed", "p2 p1 p3"},
        {"kind=project&sort=read", "p2 p1 p3"},
        {"kind=project&state=failing", "p2"},
        {"kind=project&state=old", "p2"},
        {"kind=directory&state=old", "d2"},
        {"state=excluded", "d3 p3 p2 e3"},
        {"directory=1&kind=elevation", "e3 e1 e2"},
        {"directory=3&kind=elevation", "e3"},
        {"directory=2", "d2 p2"},
        {"directory=99", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char ids[400];
        found(rows[i].query, ids, sizeof ids);
        if (strcmp(ids, rows[i].ids) != 0) fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].query, ids, rows[i].ids);
    }
}

static bool page_has(const char *path, const char *text)
{
    struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);
    bool has = reply.status == 200 && strstr(reply.body, text);
    if (!has) print_message("%s: %d, without \"%s\"\n", path, reply.status, text);
    http_reply_free(&reply);
    return has;
}

static void test_the_page_tells_totals_ways_and_what_is_gone(void **state)
{
    (void)state;
    const char *kitchen = "/ui/browse?q=kuche";
    assert_true(page_has(kitchen, "1 of 12"));
    assert_true(page_has(kitchen, "12 pcs · 1138 × 1041 mm"));
    assert_true(page_has(kitchen, "<bdi>Wohnhaus am Deich 138</bdi>"));
    assert_true(page_has(kitchen, "1 that match are gone"));
    assert_true(page_has("/ui/browse?state=gone", "Pos. 003 Kueche"));
    assert_true(page_has("/ui/browse?q=nothing+at+all", "0 of 12"));
    assert_true(page_has("/ui/browse?kind=door", "there is no &quot;door&quot;"));
    assert_true(page_has("/ui/browse?q=soren", "answered 404"));
    /* Beyond the last page, and no number at all. */
    assert_true(page_has("/ui/browse?kind=project&page=900", "3 of 3"));
    assert_true(page_has("/ui/browse?kind=project&page=x", "Wohnhaus am Deich 138"));
}

/* How many are in each directory and below it, which one is open, and what the page leaves out. */
static void test_the_tree_counts_what_is_in_it(void **state)
{
    static const struct {
        const char *path, *text;
    } rows[] = {
        {"/ui/browse", "<bdi>Wintergärten</bdi></a><span class=\"soft small\">1 projects, 1 inside</span>"},
        {"/ui/browse", "<bdi>Altes</bdi></a><span class=\"soft small\">501 projects</span>"},
        {"/ui/browse?directory=1", "<li data-key=\"dir-1\" class=\"\">"},
        {"/ui/browse?directory=1", "<a href=\"/ui/browse?directory=1\" aria-current=\"true\">"},
        {"/ui/browse?directory=1", "<li data-key=\"dir-3\" class=\"excluded\">"},
        {"/ui/browse?directory=1", "<h2>Projects in <bdi>Wintergärten</bdi></h2>"},
        {"/ui/browse?directory=1", "<bdi>J-94609</bdi> synced <time"},
        {"/ui/browse?directory=2", ">1 more projects are not shown here"},
        {"/ui/browse?directory=2", "<span class=\"fault\">answered 404</span>"},
        {"/ui/browse?directory=3", "<bdi>Innen</bdi></a><span class=\"soft small\">1 projects</span>"},
    };
    (void)state;
    pg_exec(&web.pg,
            "INSERT INTO projects (logikal_id, name, directory_id, deleted_at) SELECT 'more' || i, 'More ' || i,"
            " CASE WHEN i = 502 THEN 1 ELSE 2 END, CASE WHEN i > 500 THEN now() END"
            " FROM generate_series(1, 502) i");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) assert_true(page_has(rows[i].path, rows[i].text));
    assert_false(page_has("/ui/browse?directory=1", "more projects are not shown"));
    pg_exec(&web.pg, "DELETE FROM projects WHERE logikal_id = 'more1'"); /* all that fit */
    assert_false(page_has("/ui/browse?directory=2", "more projects are not shown"));
    pg_exec(&web.pg, "DELETE FROM projects WHERE logikal_id LIKE 'more%'");
}

static void test_what_changes_is_found_by_what_it_is_called_now(void **state)
{
    char ids[400];
    (void)state;
    pg_exec(&web.pg, "UPDATE elevations SET name = 'Pos. 002 Ölraum' WHERE id = 2");
    pg_exec(&web.pg, "UPDATE directories SET name = 'Neues' WHERE id = 2; UPDATE projects SET person_in_charge = 'Ines'"
                     " WHERE id = 2");
    found("q=bad", ids, sizeof ids);
    assert_string_equal(ids, "");
    found("q=oelraum", ids, sizeof ids);
    assert_string_equal(ids, "e2");
    found("q=ines+neues", ids, sizeof ids);
    assert_string_equal(ids, "p2");
    pg_exec(&web.pg, "DELETE FROM elevations WHERE id = 2");
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM object_words WHERE kind = 'elevation'"), 3);
    /* Written anew where it is there already, as the sync does. */
    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name) VALUES ('e1', 'Saal'), ('e9', 'Saal') ON CONFLICT"
                     " (logikal_id) DO UPDATE SET name = excluded.name");
    found("q=saal", ids, sizeof ids);
    assert_true(strncmp(ids, "e1 e", 4) == 0 && strlen(ids) > 4);
}

/* Fields keep their place, and a spreadsheet computes nothing. */
static void test_csv_is_harmless(void **state)
{
    (void)state;
    struct http_reply reply = web_call(&web, "GET", "/ui/browse/export?kind=elevation&directory=3", web.admin, NULL);
    assert_non_null(strstr(reply.body, "elevation,3,\"'=1+1\",\"Wintergärten > Innen > Kuester, Bauelemente > Straße\","
                                       "\"e3\",\"\",\"\",\"\",1,1,1,"));
    http_reply_free(&reply);
    /* Also in the middle of a text, where a spreadsheet that splits lines at semicolons begins a cell. */
    static const struct {
        const char *message, *field;
    } rows[] = {
        {"a;=1+1;b", ",\"a;'=1+1;b\","}, {"one\n@x\n\ntwo", ",\"one\n'@x\n\ntwo\","}, {"\uff1d1", ",\"'\uff1d1\","},
        {"\ttab", ",\"'\ttab\","},       {"5 of 7; 2 - 3", ",\"5 of 7; 2 - 3\","},    {"\n=1", ",\"'\n'=1\","},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *values[] = {rows[i].message};
        PGconn *conn = pg_connect(&web.pg);
        PQclear(PQexecParams(conn,
                             "INSERT INTO sync_logs (sync_type, status, message, started_at) VALUES ('defused', "
                             "'failed', $1, '2020-01-01')",
                             1, NULL, values, NULL, NULL, 0));
        PQfinish(conn);
        reply = web_call(&web, "GET", "/ui/sync-logs/export?format=csv&type=defused", web.admin, NULL);
        if (!reply.body || !strstr(reply.body, rows[i].field)) fail_msg("%s: %s", rows[i].field, reply.body);
        http_reply_free(&reply);
    }
    pg_exec(&web.pg, "DELETE FROM sync_logs WHERE sync_type = 'defused'");
}

/* A filter that is none is never an empty list, nor, in a file, everything. What a form leaves empty is no filter. */
static void test_a_filter_that_is_none_is_refused(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *text; /* in what is answered */
    } rows[] = {
        {"/ui/browse/export?kind=door", 422, "kind: Input"},
        {"/ui/browse/export?state=falling&q=kuche", 422, "state: Input"},
        {"/ui/browse/export?sort=size", 422, "sort: Input"},
        {"/ui/browse/export?directory=x", 422, "directory: Input"},
        {"/ui/browse/export?kind=&state=&sort=&directory=&q=kuche", 200, "elevation,1,"},
        {"/ui/history?state=broken", 422, "state: Input"},
        {"/ui/history?state=&name=&since=", 200, "No task matches"},
        {"/ui/sync-logs?status=fine", 422, "status: Input"},
        {"/ui/sync-logs?before=99999999999999999999", 422, "before: Input"},
        {"/ui/sync-logs?before=-1", 422, "before: Input"},
        {"/ui/sync-logs?type=door", 200, "<option value=\"door\" selected>"},
        {"/ui/sync-logs/export?format=csv&status=fine", 422, "status: Input"},
        {"/ui/runs?before=x", 422, "before: Input"},
        {"/ui/runs/1?type=door", 422, "type: Input"},
        {"/ui/runs/1?operation=broken", 422, "operation: Input"},
        {"/ui/feed?type=door", 422, "type: Input"},
        {"/ui/feed?object=x", 422, "object: Input"},
        {"/ui/feed?type=parts_list&object=", 200, "<option value=\"parts_list\" selected>"},
        {"/ui/timeline?kind=door", 422, "kind: Input"},
        {"/ui/timeline?kind=&since=&until=", 200, "Timeline"},
        {"/ui/system?level=loud", 422, "level: Input"},
        {"/ui/system?before=99999999999999999999", 422, "before: Input"},
        {"/ui/history?state=dead", 200, "<option value=\"dead\" selected>"}, /* without scripts, too */
        {"/ui/browse?state=failing&kind=phase", 200, "<option value=\"failing\" selected>"},
        {"/ui/nothing/like/this", 404, "There is no page at this address."},
        {"/ui/browse/projects/99999999999999999999", 404, "There is no page at this address."},
        {"/ui/history?state=broken&lang=de", 422, "Erwartet wird eines von"},
        {"/ui/nothing?lang=de", 404, "Unter dieser Adresse"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_reply reply = web_ask(&web, "GET", rows[i].path, web.admin, "Accept: text/html,*/*;q=0.8");
        if (reply.status != rows[i].status || !strstr(reply.body, rows[i].text))
            fail_msg("%s: %d, not %d with \"%s\": %.2000s", rows[i].path, reply.status, rows[i].status, rows[i].text,
                     reply.body);
        http_reply_free(&reply);
    }
}

/* ---- lists that are longer than a page ---- */

static char *page_of(const char *path)
{
    struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);
    if (reply.status != 200) fail_msg("%s: %d %.500s", path, reply.status, reply.body);
    char *body = strdup(reply.body);
    http_reply_free(&reply);
    return body;
}

/* The address behind a link's rel, as a browser reads it; false: there is no such link. */
static bool link_of(const char *body, const char *rel, const char *base, char *out, size_t size)
{
    char mark[40];
    snprintf(mark, sizeof mark, "rel=\"%s\" href=\"", rel);
    const char *at = strstr(body, mark);
    if (!at) return false;
    size_t n = (size_t)snprintf(out, size, "%s", base);
    for (at += strlen(mark); *at != '"' && *at != '#' && n + 1 < size; at++) {
        out[n++] = *at;
        if (strncmp(at, "&amp;", 5) == 0) at += 4;
    }
    out[n] = 0;
    return true;
}

/* The keys of the rows: what tells one page from another. */
static void rows_of(const char *body, const char *key, char *out, size_t size)
{
    size_t n = 0, len = strlen(key);
    for (const char *at = body; (at = strstr(at, key)) != NULL; at += len)
        n += (size_t)snprintf(out + n, n + 40 < size ? size - n : 0, "%.*s ", (int)strcspn(at + len, "\""), at + len);
}

static void test_pages_lead_on_and_back(void **state)
{
    static const struct {
        const char *base, *query, *key;
    } lists[] = {{"/ui/sync-logs", "?type=paged&status=completed", "data-key=\"log-"},
                 {"/ui/history", "?name=paged", "data-key=\"past-"},
                 {"/ui/runs", "", "data-key=\"run-"},
                 {"/ui/system", "?who=%2Fpaged%2F", "data-key=\"action-"},
                 {"/ui/timeline", "?kind=admin", "<time datetime=\""},
                 {"/ui/feed", "?type=directory", "data-key=\"change-"}};
    static char rows[4][20000], next[3000], path[3000];
    (void)state;
    pg_exec(&web.pg,
            "INSERT INTO sync_logs (sync_type, status, message) SELECT 'paged', 'completed', 'line ' || i FROM"
            " generate_series(1, 170) i;"
            "INSERT INTO task_history (id, name, queue, arguments, state, tries, deliveries, worker, ended_at) SELECT"
            " 'paged-' || i, 'paged', 'sync', 'whole', 'failure', 1, 1, 'w', now() - i * interval '1 s' FROM"
            " generate_series(1, 170) i;"
            "INSERT INTO sync_runs (scope, state, total) SELECT 'tree', 'completed', 1 FROM generate_series(1, 80) i;"
            "INSERT INTO admin_actions (actor, method, path, status, at) SELECT 'admin', 'POST', '/paged/' || i, 200,"
            " now() - i * interval '1 s' FROM generate_series(1, 330) i");
    for (int i = 0; i < 160; i++) pg_exec(&web.pg, "UPDATE directories SET name = name || '.' WHERE id = 2");
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        snprintf(path, sizeof path, "%s%s", lists[l].base, lists[l].query);
        char *body = page_of(path), *before = NULL;
        assert_false(link_of(body, "prev", lists[l].base, next, sizeof next));
        for (int i = 0; i < 3; i++) { /* on */
            memset(rows[i], 0, sizeof rows[i]);
            rows_of(body, lists[l].key, rows[i], sizeof rows[i]);
            if (strlen(rows[i]) < 20 || (i > 0 && strcmp(rows[i], rows[i - 1]) == 0))
                fail_msg("%s, page %d: %s", lists[l].base, i, rows[i]);
            if (i == 2) break;
            if (!link_of(body, "next", lists[l].base, next, sizeof next)) fail_msg("%s: no next", lists[l].base);
            free(body);
            body = page_of(next);
        }
        for (int i = 1; i >= 0; i--) { /* and back */
            if (!link_of(body, "prev", lists[l].base, next, sizeof next)) fail_msg("%s: no way back", lists[l].base);
            before = body;
            body = page_of(next);
            free(before);
            memset(rows[3], 0, sizeof rows[3]);
            rows_of(body, lists[l].key, rows[3], sizeof rows[3]);
            if (strcmp(rows[3], rows[i]) != 0) fail_msg("%s, back on page %d: %s", lists[l].base, i, rows[3]);
        }
        assert_false(link_of(body, "prev", lists[l].base, next, sizeof next));
        free(body);
    }
}

static int count_of(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word)) n++;
    return n;
}

/* All that the filter matches, however much it is, in each form. */
static void test_logs_are_exported_whole(void **state)
{
    (void)state;
    pg_exec(&web.pg, "INSERT INTO sync_logs (sync_type, status, message, error_details, started_at) SELECT 'whole',"
                     " CASE WHEN i % 2 = 0 THEN 'failed' ELSE 'completed' END, 'line ' || i, E'a\n\"b\"',"
                     " '2026-01-15T09:00Z'::timestamptz + i * interval '1 s' FROM generate_series(1, 10500) i");
    char *csv = page_of("/ui/sync-logs/export?format=csv&type=whole"),
         *json = page_of("/ui/sync-logs/export?format=json&type=whole&status=failed"),
         *lines = page_of("/ui/sync-logs/export?format=ndjson&type=whole&since=2026-01-15T10:00&until="),
         *none = page_of("/ui/sync-logs/export?format=json&type=nothing"),
         *head = page_of("/ui/sync-logs/export?format=csv&type=nothing"),
         *empty = page_of("/ui/sync-logs/export?format=ndjson&type=nothing");
    cJSON *list = cJSON_Parse(json), *object = NULL;
    int last = 0, read = 0;

    assert_int_equal(count_of(csv, "\r\n"), 10501);
    assert_int_equal(count_of(csv, "\"line 1\""), 1);
    assert_int_equal(cJSON_GetArraySize(list), 5250);
    for (char *save = NULL, *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save), read++) {
        object = cJSON_Parse(line);
        if (!object) fail_msg("line %d: %.300s", read, line);
        int id = cJSON_GetObjectItem(object, "id")->valueint;
        assert_true(read == 0 || id < last); /* none twice */
        last = id;
        cJSON_Delete(object);
    }
    assert_int_equal(read, 10500 - 3599);
    assert_string_equal(none, "[]");
    assert_int_equal(count_of(head, "\r\n"), 1);
    assert_string_equal(empty, "");
    cJSON_Delete(list);
    char *all[] = {csv, json, lines, none, head, empty};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_filter_that_is_none_is_refused),
    cmocka_unit_test(test_what_is_asked_is_found),
    cmocka_unit_test(test_the_page_tells_totals_ways_and_what_is_gone),
    cmocka_unit_test(test_the_tree_counts_what_is_in_it),
    cmocka_unit_test(test_csv_is_harmless),
    cmocka_unit_test(test_what_changes_is_found_by_what_it_is_called_now),
    cmocka_unit_test(test_pages_lead_on_and_back),
    cmocka_unit_test(test_logs_are_exported_whole),
};
TEST_MAIN(tests, set_up, tear_down)
