/* Who may call what, against a table of the tests' own (tests/fixtures/who_may.txt): every operation as every kind of
 * caller, and every method on every path; and that nothing breaks when callers leave early, or the role has to stop. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "tests/support/answers/operations.h"
#include "tests/support/web.h"

#define MONITOR "0123456789abcdefghijk-monitor"
#define RANDOM  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct web_server web;

/* ---- the table ---- */

enum who { OPEN, ANY, PROJECTS, ELEVATIONS, BOTH, HOOKS, SYNC, ADMIN_READ, METRICS, ADMIN, PAGE, WHO_COUNT };
static const char *const words[WHO_COUNT] = {"open", "any",        "projects", "elevations", "both", "hooks",
                                             "sync", "admin_read", "metrics",  "admin",      "page"};
struct rule {
    enum who who;
    char method[8], path[160];
    bool is_described;
};
static struct rule rules[400];
static int count;

static void read_table(void)
{
    char line[300], word[32];
    FILE *f = fopen("tests/fixtures/who_may.txt", "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (*line == '#' || *line == '\n') continue;
        struct rule *r = &rules[count++];
        assert_int_equal(sscanf(line, "%31s %7s %159s", word, r->method, r->path), 3);
        while (r->who < WHO_COUNT && strcmp(words[r->who], word) != 0) r->who++;
        if (r->who == WHO_COUNT) fail_msg("who is %s", word);
    }
    fclose(f);
    assert_true(count > 150);
}

static bool matches(const char *pattern, const char *path, bool *is_literal)
{
    *is_literal = true;
    while (*pattern && *path) {
        if (*pattern == '{') {
            *is_literal = false;
            bool is_number = strncmp(pattern, "{elevation_id}", 14) == 0; /* and "parts:batchGet" beside it is none */
            if (is_number && (*path < '0' || *path > '9')) return false;
            pattern += strcspn(pattern, "}") + 1;
            path += strcspn(path, "/");
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return !*pattern && !*path;
}

/* What stands in the table for a call; NULL: nothing, so that there is no such operation. */
static const struct rule *rule_of(const char *method, const char *path)
{
    const struct rule *found = NULL;
    if (strcmp(method, "HEAD") == 0) method = "GET";
    for (int i = 0; i < count; i++) {
        bool is_literal;
        if (strcmp(rules[i].method, method) != 0 || !matches(rules[i].path, path, &is_literal)) continue;
        if (is_literal) return &rules[i];
        found = &rules[i];
    }
    return found;
}

/* ---- callers ---- */

enum kind {
    NOBODY,
    FORGED,
    UNKNOWN,
    NONE,
    PROJECTS_ONLY,
    ELEVATIONS_ONLY,
    SYNC_ONLY,
    READS_ONLY,
    READS_BOTH,
    MANAGES_ONLY,
    MANAGES,
    WATCHES,
    LOOKS,
    RULES,
    KINDS
};
static struct caller {
    const char *name;
    char *token;
} callers[KINDS] = {[NOBODY] = {"nobody", NULL},
                    [FORGED] = {"a forged token", NULL},
                    [UNKNOWN] = {"an unknown session", NULL},
                    [NONE] = {"a client without rights", NULL},
                    [PROJECTS_ONLY] = {"projects:read", NULL},
                    [ELEVATIONS_ONLY] = {"elevations:read", NULL},
                    [SYNC_ONLY] = {"sync:write", NULL},
                    [READS_ONLY] = {"admin:read", NULL},
                    [READS_BOTH] = {"projects:read and elevations:read", NULL},
                    [MANAGES_ONLY] = {"webhooks:manage", NULL},
                    [MANAGES] = {"webhooks:manage and both to read", NULL},
                    [WATCHES] = {"METRICS_TOKEN", NULL},
                    [LOOKS] = {"the viewer", NULL},
                    [RULES] = {"the administrator", NULL}};

static bool may(const struct rule *rule, enum kind kind, const char *method)
{
    static const enum kind owner[WHO_COUNT] = {[PROJECTS] = PROJECTS_ONLY,
                                               [ELEVATIONS] = ELEVATIONS_ONLY,
                                               [SYNC] = SYNC_ONLY,
                                               [ADMIN_READ] = READS_ONLY,
                                               [METRICS] = READS_ONLY};
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (rule->who == OPEN) return true;
    if (rule->who == ANY) return kind >= NONE && kind <= MANAGES; /* it is about the client that asks */
    if (kind == RULES) return true;
    /* No drawing is fetched here, and a viewer starts nothing. */
    if (kind == LOOKS) return (reads && !strstr(rule->path, "/drawing")) || strstr(rule->path, "/logout");
    if (rule->who == METRICS && kind == WATCHES) return true;
    if (kind == READS_BOTH) return rule->who == BOTH || rule->who == PROJECTS || rule->who == ELEVATIONS;
    if (kind == MANAGES)
        return rule->who == BOTH || rule->who == PROJECTS || rule->who == ELEVATIONS || rule->who == HOOKS;
    if (rule->who == BOTH || rule->who == HOOKS) return false;
    return rule->who < ADMIN && owner[rule->who] == kind;
}

static int faults, calls; /* faults are told one by one, so that one run shows them all */

static void told(const char *method, const char *path, enum kind kind, const struct http_reply *reply, const char *what)
{
    print_error("%s %s as %s: %s: %d %.120s\n", method, path, callers[kind].name, what, reply->status,
                reply->body ? reply->body : "");
    faults++;
}

static void call(const char *method, const char *path, enum kind kind, const struct rule *rule)
{
    char asked[256]; /* nobody waits for tasks */
    snprintf(asked, sizeof asked, "%s%s", path, strcmp(method, "POST") == 0 ? "?wait=false" : "");
    struct http_reply reply = web_call(&web, method, asked, callers[kind].token, NULL);
    bool is_led = reply.status == 303 && strstr(reply.headers, "/ui/login?next=");
    bool is_refused = reply.status == 401 || reply.status == 403 || is_led;
    int expected = kind >= NONE ? 403 : rule && rule->who == PAGE ? 303 : 401;
    calls++;
    if (reply.status == 0 || reply.status == 500)
        told(method, path, kind, &reply, "broken");
    else if (!rule && reply.status != 404 && reply.status != 405)
        told(method, path, kind, &reply, "not in the table");
    else if (rule && may(rule, kind, method) && is_refused)
        told(method, path, kind, &reply, "refused");
    else if (rule && !may(rule, kind, method) && reply.status != expected)
        told(method, path, kind, &reply, "not refused");
    if (strcmp(method, "HEAD") == 0 && reply.body && *reply.body) told(method, path, kind, &reply, "HEAD with a body");
    http_reply_free(&reply);
}

/* ---- the fixture ---- */

static void fill_database(void)
{
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name, upstream_path, level, upstream_chain) VALUES"
                     " ('1', 'd', 'd', 0, 'd')");
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name, directory_id) SELECT '1', 'p', id FROM directories");
    pg_exec(&web.pg, "INSERT INTO phases (logikal_id, name, project_id) SELECT '1', 'h', id FROM projects");
    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, project_id) SELECT 'e' || n, 'Pos ' || n,"
                     " (SELECT id FROM phases), (SELECT id FROM projects) FROM generate_series(1, 6000) n");
}

FIXTURE(set_up)
{
    static const char *const settings[] = {"LOG_LEVEL=warning", "METRICS_TOKEN=" MONITOR, "VIEWER_USERNAME=viewer",
                                           "VIEWER_PASSWORD=only looking here", NULL};
    static const char *const rights[] = {"[]",
                                         "[\"projects:read\"]",
                                         "[\"elevations:read\"]",
                                         "[\"sync:write\"]",
                                         "[\"admin:read\"]",
                                         "[\"projects:read\",\"elevations:read\"]",
                                         "[\"webhooks:manage\"]",
                                         "[\"projects:read\",\"webhooks:manage\",\"elevations:read\"]"};
    read_table();
    web_servers(&web);
    web_run(&web, settings, true);
    web_log_in(&web);
    fill_database();
    for (int i = 0; i < 8; i++) callers[NONE + i].token = web_client(&web, callers[NONE + i].name, rights[i]);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/admin/login", NULL,
                                       "{\"username\":\"viewer\",\"password\":\"only looking here\"}");
    callers[LOOKS].token = web_member(reply.body, "access_token");
    http_reply_free(&reply);
    callers[FORGED].token = strdup("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbjpyZWFkIiwiZXhwIjo5OTk5OTk5OTk5fQ.");
    callers[UNKNOWN].token = strdup(RANDOM);
    callers[WATCHES].token = strdup(MONITOR);
    callers[RULES].token = strdup(web.admin);
    return 0;
}

FIXTURE(tear_down)
{
    for (int i = 0; i < KINDS; i++) free(callers[i].token);
    web_end(&web);
    return 0;
}

/* The path of a rule with something in place of its parameters. */
static void fill(const char *pattern, char *path, size_t size)
{
    size_t n = 0;
    for (const char *p = pattern; *p && n + 2 < size; p++) {
        path[n++] = *p == '{' ? '1' : *p;
        if (*p == '{') p += strcspn(p, "}");
    }
    path[n] = 0;
}

/* A path may have several operations. */
static bool is_first_of_its_path(int rule)
{
    for (int i = 0; i < rule; i++)
        if (strcmp(rules[i].path, rules[rule].path) == 0) return false;
    return true;
}

/* ---- tests ---- */

TEST(test_the_table_and_the_program_know_the_same_operations)
{
    cJSON *document = operations_load(&web);
    faults = 0;
    for (cJSON *item = cJSON_GetObjectItem(document, "paths")->child; item; item = item->next)
        for (cJSON *o = item->child; o; o = o->next) {
            struct rule *found = NULL;
            for (int i = 0; i < count; i++)
                if (strcmp(rules[i].path, item->string) == 0 && strcasecmp(rules[i].method, o->string) == 0)
                    found = &rules[i];
            if (found) found->is_described = true;
            if (!found) print_error("%s %s is not in tests/fixtures/who_may.txt\n", o->string, item->string);
            faults += !found;
        }
    for (int i = 0; i < count; i++) {
        if (!rules[i].is_described) print_error("%s %s is not there any more\n", rules[i].method, rules[i].path);
        faults += !rules[i].is_described;
    }
    assert_int_equal(faults, 0);
    cJSON_Delete(document);
}

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"};

/* Those that are refused come first, and leave everything as it was. */
TEST(test_whoever_may_not_is_refused_and_changes_nothing)
{
    static const char *const marks = "SELECT sum(version) || ' ' || (SELECT count(*) FROM sync_runs) || ' ' ||"
                                     " (SELECT count(*) FROM sync_logs) FROM table_versions";
    char path[200], *before = pg_value(&web.pg, marks);
    faults = calls = 0;
    for (int i = 0; i < count; i++) {
        fill(rules[i].path, path, sizeof path);
        for (enum kind kind = NOBODY; kind < KINDS; kind++)
            if (!may(&rules[i], kind, rules[i].method)) call(rules[i].method, path, kind, &rules[i]);
    }
    assert_true(calls > 1000);
    assert_int_equal(faults, 0);
    char *after = pg_value(&web.pg, marks);
    assert_string_equal(before, after);
    assert_false(process_logged(&web.process, "runs as process"));
    free(before);
    free(after);
}

/* Every method on every path, also those that are not there. */
TEST(test_every_method_on_every_path_is_as_the_table_says)
{
    static const enum kind some[] = {NOBODY, NONE, LOOKS};
    char path[200];
    faults = 0;
    for (int i = 0; i < count; i++) {
        if (!is_first_of_its_path(i)) continue;
        fill(rules[i].path, path, sizeof path);
        for (size_t m = 0; m < sizeof methods / sizeof *methods; m++)
            for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
                const struct rule *rule = rule_of(methods[m], path);
                bool never_ends = strcmp(path, "/ui/events") == 0 && m == 0 && some[k] == LOOKS;
                bool ends_it = rule && strstr(rule->path, "/logout") && some[k] == LOOKS;
                if (!never_ends && !ends_it) call(methods[m], path, some[k], rule);
            }
        struct http_reply reply = web_call(&web, "OPTIONS", path, NULL, NULL);
        if (reply.status != 204 || (reply.body && *reply.body)) told("OPTIONS", path, NOBODY, &reply, "another answer");
        http_reply_free(&reply);
    }
    assert_int_equal(faults, 0);
}

TEST(test_whoever_may_is_not_refused)
{
    char path[200];
    faults = 0;
    for (int i = 0; i < count; i++) {
        const char *id = rules[i].path;
        if (strcmp(id, "/ui/events") == 0 || strstr(id, "/logout")) continue; /* never ends; ends the session */
        fill(id, path, sizeof path);
        for (enum kind kind = NONE; kind < KINDS; kind++)
            if (rules[i].who != OPEN && may(&rules[i], kind, rules[i].method))
                call(rules[i].method, path, kind, &rules[i]);
    }
    assert_int_equal(faults, 0);
}

/* ---- callers that leave ---- */

/* Sends a request, reads `wanted` bytes at most, and is gone: with a reset. */
static void leave_early(const char *method, const char *path, const char *version, const char *more, size_t wanted)
{
    char text[600], got[4096];
    struct linger now = {.l_onoff = 1};
    struct timeval patience = {.tv_usec = 200000};
    int fd = web_connect(&web);
    int len = snprintf(text, sizeof text, "%s %s HTTP/%s\r\nHost: h\r\nAuthorization: Bearer %s\r\n%s\r\n", method,
                       path, version, web.admin, more);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (size_t n = 0; n < wanted;) {
        ssize_t k = recv(fd, got, wanted - n < sizeof got ? wanted - n : sizeof got, 0);
        if (k <= 0) break;
        n += (size_t)k;
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

TEST(test_callers_that_leave_early_break_nothing)
{
    static const char *const more[] = {"", "Accept-Encoding: gzip\r\n", "If-None-Match: *\r\nRange: bytes=0-9\r\n"};
    static const size_t reads[] = {0, 1, 500, 3000};
    char path[200];
    int n = 0;
    for (int i = 0; i < count; i++) {
        if (strcmp(rules[i].method, "GET") != 0) continue;
        fill(rules[i].path, path, sizeof path);
        for (int k = 0; k < 4; k++, n++)
            leave_early(n % 7 == 0 ? "HEAD" : "GET", path, n % 3 ? "1.1" : "1.0", more[n % 3],
                        n % 7 == 0 ? 0 : reads[(n + k) % 4]);
    }
    leave_early("GET", "/api/v1/elevations/cached", "1.1", "", 200000);
    leave_early("GET", "/api/v1/odoo/projects/1/complete", "1.1", "Accept-Encoding: gzip\r\n", 20000);
    assert_int_equal(web_status(&web, "GET", "/health", NULL, NULL), 200);
    assert_int_equal(web_status(&web, "GET", "/api/v1/elevations/cached", web.admin, NULL), 200);
}

TEST(test_a_stop_with_everything_under_way_breaks_nothing)
{
    int fds[200], n = 0;
    char path[200], text[400];
    for (int i = 0; i < count && n < 200; i++) {
        if (strcmp(rules[i].method, "GET") != 0) continue;
        fill(rules[i].path, path, sizeof path);
        fds[n] = web_connect(&web);
        int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n", path,
                           web.admin);
        assert_int_equal(send(fds[n++], text, (size_t)len, MSG_NOSIGNAL), len);
    }
    web_stop(&web); /* fails unless it ends with 0: the sanitizers end it otherwise */
    while (n > 0) close(fds[--n]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_table_and_the_program_know_the_same_operations),
    cmocka_unit_test(test_whoever_may_not_is_refused_and_changes_nothing),
    cmocka_unit_test(test_every_method_on_every_path_is_as_the_table_says),
    cmocka_unit_test(test_whoever_may_is_not_refused),
    cmocka_unit_test(test_callers_that_leave_early_break_nothing),
    cmocka_unit_test(test_a_stop_with_everything_under_way_breaks_nothing),
};
TEST_MAIN(tests, set_up, tear_down)
