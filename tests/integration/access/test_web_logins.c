/* Logging in while others guess: who guesses is slowed down, who knows the secret gets in; nothing tells which clients
 * exist. Addresses are given as a trusted proxy gives them. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/clock.h"
#include "tests/support/web.h"

#define ADMIN_PATH  "/api/v1/admin/login"
#define CLIENT_PATH "/api/v1/client-auth/login"
#define RIGHT       "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}"
#define WRONG       "{\"username\":\"admin\",\"password\":\"no\"}"
#define VIEWER      "{\"username\":\"viewer\",\"password\":\"only looking here\"}"

static const char *const settings[] = {"LOG_LEVEL=error", "TRUSTED_PROXIES=127.0.0.1/32", "VIEWER_USERNAME=viewer",
                                       "VIEWER_PASSWORD=only looking here", NULL};
WEB_WORLD(settings)

/* ---- as somebody else ---- */

static struct http_reply send_from(const char *address, const char *path, const char *header, const char *body)
{
    char url[200], from[100];
    snprintf(url, sizeof url, "%s%s", web.url, path);
    snprintf(from, sizeof from, "X-Forwarded-For: %s", address);
    const char *const headers[] = {from, header ? header : "Content-Type: application/json", NULL};
    return http_request("POST", url, headers, body);
}

static int try_from(const char *address, const char *path, const char *body)
{
    struct http_reply reply = send_from(address, path, NULL, body);
    int status = reply.status;
    if (status == 429 && !strstr(reply.headers, "Retry-After: ")) status = -429;
    http_reply_free(&reply);
    return status;
}

/* A fresh address for every call. */
static const char *somewhere(void)
{
    static char address[32];
    static int n;
    n++;
    snprintf(address, sizeof address, "10.%d.%d.%d", n / 60000 + 1, n / 250 % 250, n % 250 + 1);
    return address;
}

static char *secret_of(const char *id)
{
    char body[300];
    snprintf(body, sizeof body, "{\"client_id\":\"%s\",\"name\":\"n\",\"permissions\":[\"projects:read\"]}", id);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/client-auth/register", web.admin, body);
    if (reply.status != 200) fail_msg("%s: %d %s", id, reply.status, reply.body);
    char *secret = web_member(reply.body, "client_secret");
    http_reply_free(&reply);
    return secret;
}

static const char *login_of(const char *id, const char *secret)
{
    static _Thread_local char body[400];
    snprintf(body, sizeof body, "{\"client_id\":\"%s\",\"client_secret\":\"%s\"}", id, secret);
    return body;
}

/* ---- failures count for those who make them ---- */

TEST(test_five_are_free_then_the_address_waits)
{
    static const struct {
        const char *path, *body;
    } rows[] = {
        {ADMIN_PATH, WRONG},
        {"/admin/api/login", WRONG},
        {"/ui/login", WRONG},
        {ADMIN_PATH, "{\"username\":\"nobody of that name\",\"password\":\"no\"}"},
        {CLIENT_PATH, "{\"client_id\":\"no such client\",\"client_secret\":\"no\"}"},
        {"/api/v1/auth/login", "{\"base_url\":\"http://x\",\"username\":\"u\",\"password\":\"p\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *address = somewhere();
        for (int k = 0; k < 8; k++) {
            int status = try_from(address, rows[i].path, rows[i].body), expected = k < 5 ? 401 : 429;
            if (status != expected) fail_msg("%s, try %d: %d", rows[i].path, k + 1, status);
        }
    }
}

TEST(test_who_is_held_up_keeps_the_form)
{
    const char *address = somewhere();
    char url[200], from[100], origin[200];
    for (int i = 0; i < 5; i++) assert_int_equal(try_from(address, ADMIN_PATH, WRONG), 401);
    snprintf(url, sizeof url, "%s/ui/login", web.url);
    snprintf(from, sizeof from, "X-Forwarded-For: %s", address);
    snprintf(origin, sizeof origin, "Origin: %s", web.url);
    const char *const headers[] = {from, origin, "Content-Type: application/x-www-form-urlencoded", "Accept: text/html",
                                   NULL};
    struct http_reply reply = http_request("POST", url, headers, "next=%2Fui%2Fruns&username=admin&password=no");
    if (reply.status != 429 || !strstr(reply.body, "name=\"password\"") || !strstr(reply.body, "try again in ") ||
        !strstr(reply.body, "value=\"/ui/runs\"") || strstr(reply.body, "To the dashboard"))
        fail_msg("%d %s", reply.status, reply.body);
    http_reply_free(&reply);
}

TEST(test_an_ipv6_network_is_one_address)
{
    char address[64];
    for (int i = 0; i < 8; i++) {
        snprintf(address, sizeof address, "2001:db8:7:7:%x::%x", i * 4099, i + 1);
        assert_int_equal(try_from(address, ADMIN_PATH, WRONG), i < 5 ? 401 : 429);
    }
    assert_int_equal(try_from("2001:db8:7:8::1", ADMIN_PATH, WRONG), 401);
    assert_int_equal(try_from("2001:0DB8:0007:0007::9", ADMIN_PATH, WRONG), 429);
    assert_int_equal(try_from("::ffff:192.0.2.77", ADMIN_PATH, WRONG), 401);
}

/* Four wrong ones and a right one for something else, over and over: the four count on. */
TEST(test_a_good_login_clears_no_failures_but_its_own)
{
    char *secret = secret_of("cleaner");
    static const char *const kinds[] = {"client", "viewer"};
    for (int kind = 0; kind < 2; kind++) {
        const char *address = kind ? "198.51.100.1" : "198.51.100.2";
        int refused = 0, guessed = 0;
        for (int i = 0; i < 5; i++) {
            for (int k = 0; k < 4; k++) {
                int status = try_from(address, ADMIN_PATH, WRONG);
                refused += status == 429;
                guessed += status == 401;
            }
            const char *path = kind ? ADMIN_PATH : CLIENT_PATH, *body = kind ? VIEWER : login_of("cleaner", secret);
            if (try_from(address, path, body) != 200) fail_msg("the %s does not get in", kinds[kind]);
        }
        if (guessed > 7) fail_msg("with a %s's logins between: %d guesses, %d refused", kinds[kind], guessed, refused);
    }
    free(secret);
}

TEST(test_a_good_login_clears_its_own)
{
    char *secret = secret_of("forgetful");
    const char *address = somewhere();
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 3; k++) assert_int_equal(try_from(address, CLIENT_PATH, login_of("forgetful", "no")), 401);
        assert_int_equal(try_from(address, CLIENT_PATH, login_of("forgetful", secret)), 200);
    }
    free(secret);
}

/* ---- bursts ---- */

struct burst {
    pthread_t thread;
    char address[32];
    const char *path;
    char body[400];
    int status;
};

static void *send_one(void *arg)
{
    struct burst *b = arg;
    b->status = try_from(b->address, b->path, b->body);
    return NULL;
}

static void run_burst(struct burst *all, int n)
{
    for (int i = 0; i < n; i++) assert_int_equal(pthread_create(&all[i].thread, NULL, send_one, &all[i]), 0);
    for (int i = 0; i < n; i++) pthread_join(all[i].thread, NULL);
}

static int count_of(const struct burst *all, int n, int status)
{
    int count = 0;
    for (int i = 0; i < n; i++) count += all[i].status == status;
    return count;
}

TEST(test_a_burst_has_five_free_ones_too)
{
    static struct burst all[30];
    char *secret = secret_of("beset");
    static const char *const bodies[] = {WRONG, NULL};
    for (int kind = 0; kind < 2; kind++) {
        const char *address = somewhere();
        for (int i = 0; i < 30; i++) {
            snprintf(all[i].address, sizeof all[i].address, "%s", address);
            all[i].path = kind ? CLIENT_PATH : ADMIN_PATH;
            snprintf(all[i].body, sizeof all[i].body, "%s", kind ? login_of("beset", "no") : bodies[0]);
        }
        run_burst(all, 30);
        assert_int_equal(count_of(all, 30, 401), 5);
        assert_int_equal(count_of(all, 30, 429), 25);
    }
    assert_int_equal(try_from(somewhere(), CLIENT_PATH, login_of("beset", secret)), 200);
    free(secret);
}

TEST(test_right_ones_at_once_all_get_in)
{
    static struct burst all[24];
    char *secret = secret_of("crowd");
    const char *address = somewhere();
    for (int i = 0; i < 24; i++) {
        snprintf(all[i].address, sizeof all[i].address, "%s", address);
        all[i].path = CLIENT_PATH;
        snprintf(all[i].body, sizeof all[i].body, "%s", login_of("crowd", secret));
    }
    run_burst(all, 24);
    assert_int_equal(count_of(all, 24, 200), 24);
    free(secret);
}

/* ---- nobody else's failures lock a right secret out ---- */

TEST(test_failures_from_everywhere_refuse_no_right_secret)
{
    static struct burst all[35];
    char *secret = secret_of("steady");
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 35; i++) {
            snprintf(all[i].address, sizeof all[i].address, "%s", somewhere());
            all[i].path = i % 5 ? ADMIN_PATH : CLIENT_PATH;
            snprintf(all[i].body, sizeof all[i].body, "%s", i % 5 ? WRONG : login_of("steady", "no"));
        }
        run_burst(all, 35);
        assert_int_equal(count_of(all, 35, 401), 35);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(try_from("203.0.113.20", ADMIN_PATH, RIGHT), 200);
        assert_int_equal(try_from("203.0.113.21", CLIENT_PATH, login_of("steady", secret)), 200);
        assert_int_equal(try_from(somewhere(), ADMIN_PATH, WRONG), 401);
    }
    assert_int_equal(try_from(somewhere(), ADMIN_PATH, VIEWER), 200);
    free(secret);
}

/* Sharing an address with somebody who guesses at other accounts costs time, and no more. */
TEST(test_a_guessing_neighbour_refuses_no_right_secret)
{
    char *secret = secret_of("neighbour"), id[32];
    static struct burst all[24];
    for (int i = 0; i < 24; i++) {
        snprintf(id, sizeof id, "guessed-%d", i);
        snprintf(all[i].address, sizeof all[i].address, "203.0.113.30");
        all[i].path = CLIENT_PATH;
        snprintf(all[i].body, sizeof all[i].body, "%s", login_of(id, "no"));
    }
    run_burst(all, 24);
    assert_int_equal(count_of(all, 24, 401), 24);
    for (int i = 0; i < 6; i++) try_from("203.0.113.30", ADMIN_PATH, WRONG);
    assert_int_equal(try_from("203.0.113.30", CLIENT_PATH, login_of("neighbour", secret)), 200);
    free(secret);
}

/* Old hashes are dear: a crowd that guesses at one must not keep others waiting. */
TEST(test_a_right_login_passes_a_line_of_guesses)
{
    static struct burst all[24];
    char *secret = secret_of("passes");
    assert_int_equal(try_from("203.0.113.40", CLIENT_PATH, login_of("passes", secret)), 200);
    pg_exec(&web.pg, "INSERT INTO clients (client_id, client_secret_hash, name, permissions) VALUES ('dear', "
                     "'$2b$12$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW', 'Dear', '[]')");
    for (int i = 0; i < 24; i++) {
        snprintf(all[i].address, sizeof all[i].address, "192.0.2.%d", i / 2 + 1);
        all[i].path = CLIENT_PATH;
        snprintf(all[i].body, sizeof all[i].body, "%s", login_of("dear", "no"));
    }
    int64_t began = mono_ms();
    for (int i = 0; i < 24; i++) pthread_create(&all[i].thread, NULL, send_one, &all[i]);
    support_pause();
    assert_int_equal(try_from("203.0.113.40", CLIENT_PATH, login_of("passes", secret)), 200);
    int64_t mine = mono_ms() - began;
    for (int i = 0; i < 24; i++) pthread_join(all[i].thread, NULL);
    int64_t theirs = mono_ms() - began;
    pg_exec(&web.pg, "DELETE FROM clients WHERE client_id = 'dear'");
    if (mine > theirs / 2) fail_msg("it waited %d of %d ms", (int)mine, (int)theirs);
    free(secret);
}

/* ---- who exists ---- */

/* What the role has worked so far: on a busy machine that says more than the clock on the wall. */
static int64_t worked_us(void)
{
    clockid_t clock;
    struct timespec t;
    assert_int_equal(clock_getcpuclockid(web.process.pid, &clock), 0);
    assert_int_equal(clock_gettime(clock, &t), 0);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t least_work_ms(const char *id)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 7; i++) {
        int64_t before = worked_us();
        assert_int_equal(try_from(somewhere(), CLIENT_PATH, login_of(id, "no")), 401);
        int64_t us = worked_us() - before;
        if (us < best) best = us;
    }
    return best / 1000;
}

TEST(test_the_time_does_not_tell_which_clients_exist)
{
    free(secret_of("timed-new"));
    pg_exec(&web.pg, "INSERT INTO clients (client_id, client_secret_hash, name, permissions, is_active) VALUES"
                     " ('timed-old', '$2b$11$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW', 'o', '[]', true),"
                     " ('timed-less', '$2b$08$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW', 'l', '[]', true),"
                     " ('timed-off', '$2b$08$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW', 'f', '[]', false),"
                     " ('timed-broken', 'pbkdf2:what is this', 'b', '[]', true)");
    static const char *const ids[] = {"timed-new", "timed-old", "timed-less", "timed-off", "timed-broken", "nobody"};
    int64_t least = INT64_MAX, most = 0;
    char seen[300] = "";
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        int64_t ms = least_work_ms(ids[i]);
        if (ms < least) least = ms;
        if (ms > most) most = ms;
        size_t used = strlen(seen);
        snprintf(seen + used, sizeof seen - used, " %s %d ms", ids[i], (int)ms);
    }
    pg_exec(&web.pg, "DELETE FROM clients WHERE client_id LIKE 'timed-%'");
    if (most > least * 3 / 2 + 5) fail_msg("told apart by their work:%s", seen);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_who_is_held_up_keeps_the_form),
    cmocka_unit_test(test_five_are_free_then_the_address_waits),
    cmocka_unit_test(test_an_ipv6_network_is_one_address),
    cmocka_unit_test(test_a_good_login_clears_no_failures_but_its_own),
    cmocka_unit_test(test_a_good_login_clears_its_own),
    cmocka_unit_test(test_a_burst_has_five_free_ones_too),
    cmocka_unit_test(test_right_ones_at_once_all_get_in),
    cmocka_unit_test(test_a_right_login_passes_a_line_of_guesses),
    cmocka_unit_test(test_the_time_does_not_tell_which_clients_exist),
    cmocka_unit_test(test_a_guessing_neighbour_refuses_no_right_secret),
    cmocka_unit_test(test_failures_from_everywhere_refuse_no_right_secret),
};
TEST_MAIN(tests, start, stop)
