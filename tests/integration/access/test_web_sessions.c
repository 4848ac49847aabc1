/* How long an admin session lasts, and the stream of changes with it: to its logout, its end, and until the name, the
 * password or the key that it was made with is another one. What a viewer's session may do: look. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/clock.h"
#include "tests/support/web.h"

#define VERIFY "/api/v1/admin/verify"
#define ADMIN  "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}"
#define VIEWER "{\"username\":\"viewer\",\"password\":\"only looking here\"}"

#define COMMON      "LOG_LEVEL=warning"
#define WITH_VIEWER COMMON, "VIEWER_USERNAME=viewer", "VIEWER_PASSWORD=only looking here"
static const char *const usual[] = {WITH_VIEWER, NULL};

WEB_WORLD(usual)

static char *log_in_as(const char *body)
{
    struct http_reply reply = web_call(&web, "POST", "/api/v1/admin/login", NULL, body);
    if (reply.status != 200) fail_msg("login: %d %s", reply.status, reply.body);
    char *token = web_member(reply.body, "access_token");
    http_reply_free(&reply);
    return token;
}

/* ---- other settings ---- */

/* Sessions of both, and then the role runs with other settings (the last of two equal names counts). */
TEST(test_a_session_stands_on_what_it_was_made_with)
{
    static const struct {
        const char *what;
        const char *settings[8];
        int admin, viewer;
    } rows[] = {
        {"nothing changed", {WITH_VIEWER}, 200, 200},
        {"another password", {WITH_VIEWER, "ADMIN_PASSWORD=another horse battery"}, 401, 200},
        {"another name", {WITH_VIEWER, "ADMIN_USERNAME=root"}, 401, 200},
        {"another key", {WITH_VIEWER, "SECRET_KEY=00000000000000000000000000000000"}, 401, 401},
        {"the viewer's password", {COMMON, "VIEWER_USERNAME=viewer", "VIEWER_PASSWORD=looking at nothing"}, 200, 401},
        {"the viewer's name", {COMMON, "VIEWER_USERNAME=guest", "VIEWER_PASSWORD=only looking here"}, 200, 401},
        {"no viewer", {COMMON}, 200, 401},
        {"the viewer's name is the administrator's", {WITH_VIEWER, "ADMIN_USERNAME=viewer"}, 401, 401},
        {"both exchanged",
         {COMMON, "VIEWER_USERNAME=admin", "VIEWER_PASSWORD=" WEB_ADMIN_PASSWORD, "ADMIN_USERNAME=viewer",
          "ADMIN_PASSWORD=only looking here"},
         401,
         401},
    };
    char *admin = log_in_as(ADMIN), *viewer = log_in_as(VIEWER);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        web_stop(&web);
        web_run(&web, rows[i].settings, true);
        int as_admin = web_status(&web, "GET", VERIFY, admin, NULL);
        int as_viewer = web_status(&web, "GET", VERIFY, viewer, NULL);
        if (as_admin != rows[i].admin || as_viewer != rows[i].viewer)
            fail_msg("%s: the administrator %d, the viewer %d", rows[i].what, as_admin, as_viewer);
        assert_int_equal(web_status(&web, "GET", "/ui/", as_viewer == 200 ? NULL : viewer, NULL), 303);
    }
    web_stop(&web);
    web_run(&web, usual, true);
    free(admin);
    free(viewer);
}

#define UPSTREAM(url, user, password)                                                                                  \
    "LOGIKAL_API_BASE_URL=" url, "LOGIKAL_AUTH_USERNAME=" user, "LOGIKAL_AUTH_PASSWORD=" password
#define LOGIKAL_URL "http://127.0.0.1:9/api/v3"

/* What Logikal's credentials open ends with them. */
TEST(test_a_token_of_logikals_credentials_stands_on_them)
{
    static const struct {
        const char *what;
        const char *settings[8];
        int status;
    } rows[] = {
        {"nothing changed", {COMMON, UPSTREAM(LOGIKAL_URL, "erp", "secret of erp")}, 200},
        {"another password", {COMMON, UPSTREAM(LOGIKAL_URL, "erp", "secret of erp2")}, 401},
        {"another user", {COMMON, UPSTREAM(LOGIKAL_URL, "erp2", "secret of erp")}, 401},
        {"another server", {COMMON, UPSTREAM(LOGIKAL_URL "/", "erp", "secret of erp")}, 401},
        {"none", {COMMON}, 401},
        {"as before", {COMMON, UPSTREAM(LOGIKAL_URL, "erp", "secret of erp")}, 200},
    };
    char path[200], out[200];
    web_stop(&web);
    web_run(&web, rows[0].settings, true);
    struct http_reply reply =
        web_call(&web, "POST", "/api/v1/auth/login", NULL,
                 "{\"base_url\":\"" LOGIKAL_URL "\",\"username\":\"erp\",\"password\":\"secret of "
                 "erp\"}");
    assert_int_equal(reply.status, 200);
    char *token = web_member(reply.body, "token");
    http_reply_free(&reply);
    snprintf(path, sizeof path, "/api/v1/projects/?token=%s", token);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        web_stop(&web);
        web_run(&web, rows[i].settings, true);
        int status = web_status(&web, "GET", path, NULL, NULL);
        if (status != rows[i].status) fail_msg("%s: %d", rows[i].what, status);
    }
    snprintf(out, sizeof out, "/api/v1/auth/logout?token=%s", token);
    assert_int_equal(web_status(&web, "POST", out, NULL, NULL), 200);
    assert_int_equal(web_status(&web, "GET", path, NULL, NULL), 401);
    web_stop(&web);
    web_run(&web, usual, true);
    free(token);
}

/* Rows that a program of before made, or that somebody wrote by hand, open nothing. */
TEST(test_a_session_without_proof_is_none)
{
    char *token = log_in_as(ADMIN);
    static const char *const changes[] = {
        "UPDATE admin_sessions SET proof = ''",
        "UPDATE admin_sessions SET proof = repeat('0', 64)",
        "UPDATE admin_sessions SET is_viewer = NOT is_viewer",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        free(token);
        token = log_in_as(ADMIN);
        assert_int_equal(web_status(&web, "GET", VERIFY, token, NULL), 200);
        pg_exec(&web.pg, changes[i]);
        if (web_status(&web, "GET", VERIFY, token, NULL) != 401) fail_msg("%s", changes[i]);
    }
    free(token);
    web_log_in(&web);
}

/* ---- streams ---- */

static int listen_as(const char *token)
{
    char text[300];
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)web.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    int len =
        snprintf(text, sizeof text, "GET /ui/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n", token);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    if (!strstr(text, " 200 OK")) fail_msg("no stream: %s", text);
    return fd;
}

/* Reads on; true when the stream has ended within ms: the last chunk has come, or the connection is closed. */
static bool ends_within(int fd, int64_t ms)
{
    char bytes[4096];
    int64_t deadline = mono_ms() + ms;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (mono_ms() < deadline) {
        if (poll(&p, 1, 50) <= 0) continue;
        ssize_t n = recv(fd, bytes, sizeof bytes - 1, 0);
        bytes[n > 0 ? n : 0] = 0;
        if (n <= 0 || strncmp(bytes, "0\r\n\r\n", 5) == 0 || strstr(bytes, "\r\n0\r\n\r\n")) return true;
    }
    return false;
}

TEST(test_the_stream_of_changes_ends_with_its_session)
{
    static const char *const ends[] = {
        NULL, /* logging out */
        "DELETE FROM admin_sessions",
        "UPDATE admin_sessions SET expires_at = now() - interval '1 second'",
        "UPDATE admin_sessions SET expires_at = now() + interval '2 seconds'",
        "UPDATE admin_sessions SET proof = ''",
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char *token = log_in_as(i % 2 ? VIEWER : ADMIN);
        int fd = listen_as(token);
        assert_false(ends_within(fd, 1500));
        if (ends[i])
            pg_exec(&web.pg, ends[i]);
        else
            assert_int_equal(web_status(&web, "POST", "/api/v1/admin/logout", token, NULL), 200);
        if (!ends_within(fd, 15000)) fail_msg("the stream goes on after: %s", ends[i] ? ends[i] : "a logout");
        close(fd);
        free(token);
    }
    web_log_in(&web);
}

TEST(test_other_streams_go_on)
{
    char *one = log_in_as(ADMIN), *other = log_in_as(VIEWER);
    int first = listen_as(one), second = listen_as(other);

    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/logout", one, NULL), 200);

    assert_true(ends_within(first, 15000));
    assert_false(ends_within(second, 2500));
    close(first);
    close(second);
    free(one);
    free(other);
}

/* However many pages a viewer has open, some streams are left to others. */
TEST(test_one_name_has_not_all_streams)
{
    enum { TRIES = 70 };
    char *viewer = log_in_as(VIEWER), text[300], *admin = log_in_as(ADMIN);
    int fds[TRIES], open = 0;
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)web.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < TRIES; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&a, sizeof a), 0);
        int len = snprintf(text, sizeof text, "GET /ui/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n",
                           viewer);
        assert_int_equal(send(fds[i], text, (size_t)len, MSG_NOSIGNAL), len);
        ssize_t n = recv(fds[i], text, 12, MSG_WAITALL);
        open += n == 12 && strncmp(text, "HTTP/1.1 200", 12) == 0;
    }
    assert_in_range(open, 20, 60);
    int fd = listen_as(admin);
    close(fd);
    for (int i = 0; i < TRIES; i++) close(fds[i]);
    free(viewer);
    free(admin);
}

/* ---- a viewer starts nothing ---- */

TEST(test_a_viewer_starts_no_sync_by_any_method)
{
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name, upstream_path, level, upstream_chain) VALUES"
                     " ('d', 'd', 'd', 0, 'd')");
    pg_exec(&web.pg, "INSERT INTO projects (logikal_id, name, directory_id, last_sync_date) SELECT 'stale', 'stale',"
                     " id, now() - interval '90 days' FROM directories WHERE logikal_id = 'd'");
    char *viewer = log_in_as(VIEWER), *reader = web_client(&web, "reader", "[\"projects:read\",\"elevations:read\"]");
    char *writer = web_client(&web, "writer", "[\"projects:read\",\"elevations:read\",\"sync:write\"]");
    pg_exec(&web.pg,
            "WITH p AS (INSERT INTO phases (logikal_id, name, project_id) SELECT 'f', 'f', id FROM projects"
            " RETURNING id) INSERT INTO elevations (id, logikal_id, name, phase_id, project_id) SELECT 77, 'e',"
            " 'e', p.id, j.id FROM p, projects j");
    static const char *const paths[] = {
        "/api/v1/odoo/projects/stale/complete",  "/api/v1/odoo/projects/stale/complete?auto_sync=true",
        "/api/v1/odoo/projects/stale/complete/", "/api/v1/sync-status/project/stale/sync",
        "/api/v1/sync/force/project/stale",      "/api/v1/scheduler/sync/project/stale",
        "/api/v1/elevations/77/drawing",         "/api/v1/elevations/77/drawing?of=2026-11-24T07:55:57Z",
    };
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        for (size_t k = 0; k < sizeof methods / sizeof *methods; k++) {
            struct http_reply reply = web_call(&web, methods[k], paths[i], viewer, NULL);
            if (reply.headers && strstr(reply.headers, "X-Sync")) fail_msg("%s %s syncs", methods[k], paths[i]);
            http_reply_free(&reply);
        }
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM admin_actions WHERE actor = 'viewer'"), 0);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM elevation_drawings"), 0);
    assert_int_equal(web_status(&web, "GET", paths[6], viewer, NULL), 403);
    struct http_reply reply = web_call(&web, "GET", paths[0], reader, NULL);
    assert_int_equal(reply.status, 200);
    assert_null(strstr(reply.headers, "X-Sync"));
    http_reply_free(&reply);
    assert_false(process_logged(&web.process, "runs as process"));

    reply = web_call(&web, "GET", paths[0], writer, NULL); /* so that the above can fail */
    assert_non_null(strstr(reply.headers, "X-Sync"));
    http_reply_free(&reply);
    assert_int_equal(web_status(&web, "GET", paths[6], reader, NULL), 202);
    assert_int_equal(web_status(&web, "GET", paths[6], viewer, NULL), 202); /* it comes, and not by the viewer */
    free(viewer);
    free(reader);
    free(writer);
}

/* ---- addresses that are secrets ---- */

static bool page_has(const char *path, const char *token, const char *text)
{
    struct http_reply reply = web_call(&web, "GET", path, token, NULL);
    assert_int_equal(reply.status, 200);
    bool has = strstr(reply.body, text);
    http_reply_free(&reply);
    return has;
}

#define WEBHOOK_ROW "INSERT INTO webhooks (url, state, epoch, xid, seq, item) VALUES ('%s', 'gone', 0, '0', 0, 0)"
#define ACTION_ROW                                                                                                     \
    "INSERT INTO admin_actions (actor, address, method, path, status, detail) VALUES ('admin', '', 'POST',"            \
    " '/api/v1/webhooks', 200, '{\"url\":\"%s\"}')"

TEST(test_what_an_address_holds_behind_its_host_is_shown_to_administrators_at_the_feed_alone)
{
    static const char *const urls[] = {
        "https://hooks.example.com/services/T0/s3cret0",
        "HTTPS://hooks.example.com:8443?key=s3cret1",
        "https://hooks.example.com/#s3cret2",
        "https://me:s3cret3@hooks.example.com/a",
        "https://hooks.example.com//s3cret4",
        "https://hooks.example.com/a\\\"s3cret5/s3cret6",
    };
    static const char *const pages[] = {"/ui/feed",         "/ui/timeline?kind=admin", "/ui/system", "/api/v1/timeline",
                                        "/api/v1/webhooks", "/ui/system?who=s3cret",   "/ui"};
    char sql[600];
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        snprintf(sql, sizeof sql, WEBHOOK_ROW, urls[i]);
        pg_exec(&web.pg, sql);
        snprintf(sql, sizeof sql, ACTION_ROW, urls[i]);
        pg_exec(&web.pg, sql);
    }
    int one = pg_int(&web.pg, "SELECT min(id) FROM webhooks");
    char *viewer = log_in_as(VIEWER), *admin = log_in_as(ADMIN);
    assert_int_equal(web_status(&web, "POST", "/api/v1/webhooks", admin, "{\"url\":\"https://10.0.0.1/s3cret7\"}"),
                     422);
    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM admin_actions WHERE detail LIKE '%10.0.0.1/…\"%'") == 1, 20000);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM admin_actions WHERE detail LIKE '%s3cret7%'"), 0);

    snprintf(sql, sizeof sql, "/api/v1/webhooks/%d", one);
    assert_false(page_has(sql, viewer, "s3cret"));
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        bool is_search = strstr(pages[i], "who=");
        if (page_has(pages[i], viewer, is_search ? "services" : "s3cret")) fail_msg("a viewer sees it: %s", pages[i]);
    }
    assert_true(page_has("/ui/feed", viewer, "https://hooks.example.com/…"));
    assert_true(page_has("/ui/timeline?kind=admin", viewer, "https://hooks.example.com/…"));
    assert_true(page_has("/ui/feed", admin, "services/T0/s3cret0"));
    assert_true(page_has("/api/v1/webhooks", admin, "services/T0/s3cret0"));
    assert_false(page_has("/ui/timeline?kind=admin", admin, "s3cret"));
    assert_false(page_has("/ui/system", admin, "s3cret"));
    pg_exec(&web.pg, "DELETE FROM webhooks");
    free(viewer);
    free(admin);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_stream_of_changes_ends_with_its_session),
    cmocka_unit_test(test_other_streams_go_on),
    cmocka_unit_test(test_one_name_has_not_all_streams),
    cmocka_unit_test(test_a_token_of_logikals_credentials_stands_on_them),
    cmocka_unit_test(test_a_session_without_proof_is_none),
    cmocka_unit_test(test_a_viewer_starts_no_sync_by_any_method),
    cmocka_unit_test(test_what_an_address_holds_behind_its_host_is_shown_to_administrators_at_the_feed_alone),
    cmocka_unit_test(test_a_session_stands_on_what_it_was_made_with),
};
TEST_MAIN(tests, start, stop)
