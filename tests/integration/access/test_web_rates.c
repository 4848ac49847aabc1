/* Rate limits: what several web processes on one Redis count together, what each does alone while Redis is away, what
 * clients are told, and whose address counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/web.h"

#define LIMIT 60

static struct redis_server redis;
static struct web_server a, b;

/* Counted, open to everybody, and answered from memory. */
#define PAGE "/openapi.json"

struct told {
    int status;
    long limit, remaining, retry_after; /* -1 = was not told */
};

static long header_number(const char *headers, const char *name)
{
    const char *at = headers ? strcasestr(headers, name) : NULL;
    return at ? strtol(at + strlen(name) + 1, NULL, 10) : -1;
}

/* As the client at this address, behind a proxy at 127.0.0.1. */
static struct told ask(struct web_server *w, const char *forwarded_for)
{
    char url[200], header[200];
    const char *headers[] = {forwarded_for ? header : NULL, NULL};
    snprintf(url, sizeof url, "%s" PAGE, w->url);
    snprintf(header, sizeof header, "X-Forwarded-For: %s", forwarded_for ? forwarded_for : "");
    struct http_reply reply = http_request("GET", url, headers, NULL);
    struct told told = {reply.status, header_number(reply.headers, "X-RateLimit-Limit"),
                        header_number(reply.headers, "X-RateLimit-Remaining"),
                        header_number(reply.headers, "Retry-After")};
    http_reply_free(&reply);
    return told;
}

/* What Redis has counted of an address in this hour. */
static long counted(const char *address)
{
    char command[200];
    snprintf(command, sizeof command, "--raw get logikald.rate.h:a:%s:%lld", address, (long long)time(NULL) / 3600);
    char *text = redis_cli(&redis, command);
    long count = strtol(text, NULL, 10);
    free(text);
    return count;
}

/* The windows are hours of the clock: nothing below may begin in one and end in the next. */
static void wait_for_room_in_the_hour(void)
{
    WAIT_UNTIL(3600 - time(NULL) % 3600 > 150, 160000);
}

static void run(struct web_server *w, const char *const more[])
{
    static char url[160];
    const char *env[12] = {url, "RATE_LIMIT_PER_MINUTE=0", "RATE_LIMIT_PER_HOUR=60", "LOG_LEVEL=warning",
                           "TRUSTED_PROXIES=127.0.0.0/8"};
    int n = 5;
    snprintf(url, sizeof url, "REDIS_URL=%s", redis.url);
    for (; more && *more; more++) env[n++] = *more;
    web_run(w, env, false);
}

FIXTURE(set_up)
{
    wait_for_room_in_the_hour();
    redis_server_start(&redis, NULL);
    run(&a, NULL);
    run(&b, NULL);
    return 0;
}

FIXTURE(tear_down)
{
    web_stop(&a);
    web_stop(&b);
    redis_server_stop(&redis);
    return 0;
}

/* Asks until w knows all that both have counted, and returns how many that is. */
static long until_known(struct web_server *w, const char *address, long total)
{
    int64_t deadline = support_deadline(30000);
    for (;;) {
        struct told told = ask(w, address);
        total++;
        if (told.status != 200 || told.remaining == LIMIT - total) return total;
        WAIT_UNTIL(counted(address) >= total, 20000); /* so w has told, and was answered */
        if (support_late(deadline)) fail_msg("it tells %ld remaining of %ld counted", told.remaining, total);
    }
}

/* How many requests it takes until w refuses, when each waits until Redis has heard of it. */
static int asked_until_refused(struct web_server *w, const char *address)
{
    int asked = 0;
    while (asked < LIMIT) {
        long before = counted(address);
        asked++;
        if (ask(w, address).status == 429) break;
        WAIT_UNTIL(counted(address) > before, 20000);
    }
    return asked;
}

TEST(test_the_limit_counts_over_both_processes)
{
    const char *address = "10.1.0.1";
    for (int i = 0; i < 22; i++) {
        assert_int_equal(ask(&a, address).status, 200);
        assert_int_equal(ask(&b, address).status, 200);
    }
    WAIT_UNTIL(counted(address) == 44, 20000);

    long total = until_known(&a, address, 44);
    while (total < LIMIT) {
        struct told told = ask(&a, address);
        assert_int_equal(told.status, 200);
        assert_int_equal(told.limit, LIMIT);
        assert_int_equal(told.remaining, LIMIT - ++total);
    }
    struct told told = ask(&a, address); /* of these, it has counted less than the limit itself */

    assert_int_equal(told.status, 429);
    assert_int_equal(told.limit, LIMIT);
    assert_int_equal(told.remaining, 0);
    assert_in_range(told.retry_after, 3600 - time(NULL) % 3600 - 60, 3600 - time(NULL) % 3600 + 1);
    WAIT_UNTIL(counted(address) > total, 20000);
    assert_true(22 + asked_until_refused(&b, address) < LIMIT);
    assert_int_equal(ask(&b, "10.1.0.2").status, 200); /* somebody else */
}

TEST(test_without_redis_each_counts_for_itself_and_nobody_fails)
{
    const char *address = "10.2.0.1";
    assert_int_equal(ask(&a, address).status, 200);
    WAIT_UNTIL(counted(address) == 1, 20000);
    redis_server_kill(&redis);

    for (int i = 1; i < LIMIT; i++) assert_int_equal(ask(&a, address).status, 200);
    for (int i = 0; i < 10; i++) assert_int_equal(ask(&b, address).status, 200);
    assert_int_equal(ask(&a, address).status, 429);

    redis_server_restart(&redis); /* shared again: what a has counted holds for b */
    int64_t deadline = support_deadline(40000);
    while (counted(address) < LIMIT) {
        ask(&a, address); /* refused, and counted */
        support_pause();
        if (support_late(deadline)) fail_msg("Redis has heard of %ld", counted(address));
    }
    assert_true(10 + asked_until_refused(&b, address) < LIMIT);
}

TEST(test_redis_that_lost_its_data_gives_no_new_limit)
{
    const char *address = "10.3.0.1";
    for (int i = 0; i < LIMIT; i++) assert_int_equal(ask(&a, address).status, 200);
    WAIT_UNTIL(counted(address) == LIMIT, 20000);

    free(redis_cli(&redis, "flushall"));
    assert_int_equal(ask(&a, address).status, 429);
    WAIT_UNTIL(counted(address) >= 1, 20000);

    for (int i = 0; i < 5; i++) {
        long before = counted(address);
        assert_int_equal(ask(&a, address).status, 429);
        WAIT_UNTIL(counted(address) > before, 20000);
    }
}

TEST(test_the_address_is_the_last_that_no_trusted_proxy_has)
{
    char made_up[80];
    for (int i = 0; i < LIMIT; i++) { /* what a client writes itself stands further left */
        snprintf(made_up, sizeof made_up, "6.6.6.%d, 10.4.0.1", i);
        assert_int_equal(ask(&a, made_up).status, 200);
    }

    assert_int_equal(ask(&a, "7.7.7.7, 10.4.0.1").status, 429);
    assert_int_equal(ask(&a, "10.4.0.1, 10.4.0.2").status, 200);
    assert_int_equal(ask(&a, "10.4.0.1, 127.0.0.9").status, 429); /* two proxies of ours */
}

TEST(test_a_proxy_that_is_not_trusted_names_nobody)
{
    static const char *const nobody[] = {"TRUSTED_PROXIES=10.0.0.0/8", NULL};
    struct web_server alone = {0};
    char address[40];
    run(&alone, nobody);

    int status = 200, asked = 0;
    for (; status == 200 && asked <= LIMIT; asked++) {
        snprintf(address, sizeof address, "10.5.0.%d", asked);
        status = ask(&alone, address).status;
    }

    assert_int_equal(status, 429);
    web_stop(&alone);
}

TEST(test_of_two_limits_the_nearer_one_is_told_and_the_longer_wait)
{
    static const char *const both[] = {"RATE_LIMIT_PER_MINUTE=40", NULL};
    struct web_server alone = {0};
    run(&alone, both);
    struct told first, at_minute, at_hour;
    time_t minute;
    int number = 0;
    do { /* all within one minute */
        char address[40];
        snprintf(address, sizeof address, "10.6.0.%d", ++number);
        minute = time(NULL) / 60;
        first = ask(&alone, address);
        for (int i = 1; i <= 40; i++) at_minute = ask(&alone, address);
        for (int i = 41; i <= LIMIT; i++) at_hour = ask(&alone, address);
    } while (time(NULL) / 60 != minute && number < 3);

    assert_int_equal(first.limit, 40);
    assert_int_equal(first.remaining, 39);
    assert_int_equal(at_minute.status, 429);
    assert_int_equal(at_minute.limit, 40);
    assert_in_range(at_minute.retry_after, 1, 60);
    assert_int_equal(at_hour.status, 429); /* now beyond the hour's as well */
    assert_int_equal(at_hour.limit, LIMIT);
    assert_true(at_hour.retry_after > 60);
    web_stop(&alone);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_limit_counts_over_both_processes),
    cmocka_unit_test(test_without_redis_each_counts_for_itself_and_nobody_fails),
    cmocka_unit_test(test_redis_that_lost_its_data_gives_no_new_limit),
    cmocka_unit_test(test_the_address_is_the_last_that_no_trusted_proxy_has),
    cmocka_unit_test(test_a_proxy_that_is_not_trusted_names_nobody),
    cmocka_unit_test(test_of_two_limits_the_nearer_one_is_told_and_the_longer_wait),
};
TEST_MAIN(tests, set_up, tear_down)
