/* Waiting for changes: who waits is answered when something comes, or at the end of its time; nobody takes all places,
 * and who goes or loses the right gets nothing. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/machine/random.h"
#include "tests/support/feed.h"

/* ---- waiting ---- */

struct waiter {
    pthread_t thread;
    char query[200];
    const char *bearer, *header;
    struct http_reply reply;
    int64_t took_ms;
};

static void *wait_in_thread(void *arg)
{
    struct waiter *w = arg;
    int64_t began = mono_ms();
    w->reply = feed_ask(w->query, w->bearer, w->header);
    w->took_ms = mono_ms() - began;
    return NULL;
}

static void waiter_start(struct waiter *w, const char *bearer, int seconds, const char *more)
{
    char cursor[100];
    feed_cursor_now(cursor);
    snprintf(w->query, sizeof w->query, "?since=%s&wait=%d%s", cursor, seconds, more);
    w->bearer = bearer;
    pthread_create(&w->thread, NULL, wait_in_thread, w);
}

TEST(test_who_waits_is_answered_when_something_comes)
{
    struct waiter waiters[8] = {0};
    for (int i = 0; i < 8; i++) waiter_start(&waiters[i], feed.token, 50, i == 7 ? "&types=glass" : "");
    usleep(300000);

    pg_exec(&feed.web.pg, "UPDATE directories SET name = 'woken' WHERE logikal_id = 'd1'");
    for (int i = 0; i < 7; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].reply.status, 200);
        assert_non_null(strstr(waiters[i].reply.body, "woken"));
        assert_true(waiters[i].took_ms < 40000);
        http_reply_free(&waiters[i].reply);
    }
    pg_exec(&feed.web.pg, "INSERT INTO elevation_glass (elevation_id, glass_id, name) VALUES (1, 'G9', 'late pane')");

    pthread_join(waiters[7].thread, NULL);
    assert_non_null(strstr(waiters[7].reply.body, "late pane"));
    assert_null(strstr(waiters[7].reply.body, "woken"));
    http_reply_free(&waiters[7].reply);
}

TEST(test_who_waits_in_vain_is_answered_at_the_end_of_its_time)
{
    struct waiter w = {0};

    waiter_start(&w, feed.token, 1, "");
    pthread_join(w.thread, NULL);

    assert_int_equal(w.reply.status, 200);
    assert_non_null(strstr(w.reply.body, "\"changes\":[],\"next\":\""));
    assert_true(w.took_ms >= 1000);
    http_reply_free(&w.reply);
}

TEST(test_who_waits_for_lines_takes_no_place_of_large_answers)
{
    enum { READERS = 40 };
    static struct waiter waiters[READERS];
    for (int i = 0; i < READERS; i++) {
        waiters[i].header = i % 4 == 3 ? NULL : "Accept: application/x-ndjson";
        waiter_start(&waiters[i], feed.token, 55, i % 8 == 6 ? "&types=directory" : "");
    }
    usleep(1000000);

    int64_t began = mono_ms();
    struct http_reply other = feed_ask("?since=start&limit=3", feed.token, "Accept: application/x-ndjson");
    assert_int_equal(other.status, 200);
    assert_true(mono_ms() - began < 15000);
    http_reply_free(&other);

    pg_exec(&feed.web.pg, "UPDATE directories SET name = 'to all' WHERE logikal_id = 'd1'");
    for (int i = 0; i < READERS; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].reply.status, 200);
        assert_non_null(strstr(waiters[i].reply.body, "to all"));
        assert_non_null(strstr(waiters[i].reply.body, "\"next\":\""));
        http_reply_free(&waiters[i].reply);
    }
}

/* A request that nobody reads the answer of yet. */
static int connect_and_wait(const char *bearer, const char *cursor)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)feed.web.port)};
    char text[2600];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int n = snprintf(text, sizeof text,
                     "GET /api/v1/changes?since=%s&wait=55 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
                     cursor, bearer);
    assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
    return fd;
}

static bool is_refused(const char *bearer, const char *query)
{
    struct http_reply reply = feed_ask(query, bearer, NULL);
    int status = reply.status;
    http_reply_free(&reply);
    assert_true(status == 200 || status == 503);
    return status == 503;
}

static int count_answered(const int *fds, int n)
{
    int count = 0;
    char byte;
    for (int i = 0; i < n; i++) count += recv(fds[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
    return count;
}

/* In each of the ways in which a client goes. */
static void leave(int fd, int way)
{
    static const struct linger reset = {.l_onoff = 1};
    if (way == 1) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (way == 2) assert_int_equal(send(fd, "GET /health HT", 14, MSG_NOSIGNAL), 14); /* of its next request */
    close(fd);
}

TEST(test_one_client_does_not_take_all_places_to_wait_and_who_goes_gives_his_back)
{
    enum { OWN = 64, MORE = 8, ALL = OWN + MORE, ROUNDS = 3 };
    char *other = web_client(&feed.web, "patient", "[\"projects:read\",\"elevations:read\"]"), cursor[100], query[160];
    int fds[ALL];
    feed_cursor_now(cursor);
    for (int way = 0; way < ROUNDS; way++) {
        int64_t began = mono_ms();
        snprintf(query, sizeof query, "?since=%s&wait=1", cursor);
        for (int i = 0; i < ALL; i++) fds[i] = connect_and_wait(feed.token, cursor);
        WAIT_UNTIL(count_answered(fds, ALL) >= MORE, 20000); /* refused: all others wait */
        assert_true(is_refused(feed.token, query));
        if (way == 0) {
            assert_false(is_refused(other, query));
            assert_false(is_refused(feed.web.admin, query));
            snprintf(query, sizeof query, "?since=%s", cursor); /* without waiting */
            assert_false(is_refused(feed.token, query));
            snprintf(query, sizeof query, "?since=%s&wait=1", cursor);
        }

        for (int i = 0; i < ALL; i++) leave(fds[i], way);
        WAIT_UNTIL(!is_refused(feed.token, query), 20000);
        assert_true(mono_ms() - began < 50000); /* long before their time was over */
    }
    free(other);
}

TEST(test_who_closes_only_its_sending_side_is_answered)
{
    char cursor[100], answer[4000] = "";
    size_t n = 0;
    feed_cursor_now(cursor);
    int fd = connect_and_wait(feed.token, cursor);

    shutdown(fd, SHUT_WR);
    for (ssize_t got; n + 1 < sizeof answer && (got = recv(fd, answer + n, sizeof answer - 1 - n, 0)) > 0;)
        n += (size_t)got;

    close(fd);
    assert_non_null(strstr(answer, " 200 OK"));
    assert_non_null(strstr(answer, "\"next\":\""));
}

TEST(test_who_loses_the_right_while_waiting_gets_nothing)
{
    char *other = web_client(&feed.web, "other", "[\"projects:read\",\"elevations:read\"]");
    struct waiter w = {0};
    waiter_start(&w, other, 50, "");
    usleep(300000);

    assert_int_equal(
        web_status(&feed.web, "PUT", "/api/v1/client-auth/clients/other", feed.web.admin, "{\"is_active\":false}"),
        200);
    pg_exec(&feed.web.pg, "UPDATE directories SET name = 'secret' WHERE logikal_id = 'd1'");
    pthread_join(w.thread, NULL);

    assert_int_equal(w.reply.status, 401);
    assert_null(strstr(w.reply.body, "secret"));
    http_reply_free(&w.reply);
    free(other);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_who_waits_is_answered_when_something_comes),
    cmocka_unit_test(test_who_waits_in_vain_is_answered_at_the_end_of_its_time),
    cmocka_unit_test(test_who_waits_for_lines_takes_no_place_of_large_answers),
    cmocka_unit_test(test_one_client_does_not_take_all_places_to_wait_and_who_goes_gives_his_back),
    cmocka_unit_test(test_who_closes_only_its_sending_side_is_answered),
    cmocka_unit_test(test_who_loses_the_right_while_waiting_gets_nothing),
};
TEST_MAIN(tests, feed_start_filled, feed_stop)
