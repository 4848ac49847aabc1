/* Answers that were not hoped for, carried out: what the session does next and when, what the job has cost, what its
 * owner and the run are told. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "tests/support/sessions.h"
#include "tests/support/settings.h"

/* Session 0 asks for the phases of project p, in directory A. */
struct row {
    const char *asks;     /* how the call begins that is answered */
    const char *said;     /* a status or a fault, the body, "after" what Retry-After says in milliseconds */
    const char *before;   /* what came of it before: names and numbers, see begin; times are so long ago */
    const char *expected; /* what the session does | what was told | what the job has cost, and what is new */
    int wait;             /* in milliseconds: at most this, at least half of it; negative: exactly so long */
};

static struct sessions s;

/* The number behind a name, 0 without one. */
static int64_t number(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? atoll(at + strlen(name)) : 0;
}

static bool has(const char *text, const char *word)
{
    return strstr(text, word) != NULL;
}

static int64_t ago(const char *text, const char *name)
{
    int64_t ms = number(text, name);
    return ms ? mono_ms() - ms : 0;
}

/* The budget is an hour, so that a busy machine does not come into it. */
static void begin(const char *before)
{
    struct logikal *l = s.client;
    struct logikal_effort *effort = &l->sessions[0].job->effort;
    effort->backoff.attempt = (unsigned)number(before, "waits ");
    effort->since_ms = ago(before, "since ");
    effort->depth = effort->since_ms ? 2000000 : 0; /* it is this call that is in trouble, or one further up */
    if (has(before, "depth ")) effort->depth = (int)number(before, "depth ");
    effort->tries = (int)number(before, "tries ");
    effort->renewals = (int)number(before, "new ");
    effort->is_anew = has(before, "anew");
    effort->is_second_round = has(before, "second");
    if (has(before, "others")) {
        l->sessions[1].state = SESSION_IDLE;
        snprintf(l->sessions[1].token, sizeof l->sessions[1].token, "other");
    }
    l->stats.logins = has(before, "accepted");
    l->given_up[JOB_PHASES] = (int)number(before, "given ");
    l->silent_in_row = (int)number(before, "silent ");
    l->last_progress_ms = has(before, "progress ") ? ago(before, "progress ") : mono_ms();
    sessions_told(&s);
}

static struct http_answer answer_of(const char *said)
{
    static const char *const faults[] = {"none", "connect", "timeout", "cut", "large", "sink", "tls", "certificate"};
    struct http_answer answer = {.status = atoi(said),
                                 .retry_after_ms = has(said, "after ") ? number(said, "after ") : -1};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (has(said, faults[i])) answer.fault = (enum http_fault)i;
    return answer;
}

/* In words, what is not as it was. */
static void describe(const char *before, char *out, size_t size)
{
    const struct logikal *l = s.client;
    const struct logikal_session *one = &l->sessions[0];
    const struct logikal_job *job = one->job ? one->job : l->pending;
    struct buf text = {0};
    buf_printf(&text, "%s | ", sessions_state(&s));
    buf_printf(&text, "%s| ", sessions_told(&s));
    if (job) buf_printf(&text, "%d tries, %d new", job->effort.tries, job->effort.renewals);
    buf_str(&text, job && job->effort.is_anew ? ", anew" : "");
    buf_str(&text, job && job->effort.is_second_round ? ", second round" : "");
    buf_str(&text, one->must_renew ? ", renews" : "");
    if (l->given_up[JOB_PHASES] != number(before, "given "))
        buf_printf(&text, ", given up %d", l->given_up[JOB_PHASES]);
    if (l->silent_in_row != number(before, "silent ")) buf_printf(&text, ", silent %d", l->silent_in_row);
    if (l->session_limit != 3) buf_printf(&text, ", limit %d", l->session_limit);
    if (l->stats.sessions_unknown) buf_printf(&text, ", unknown %d", (int)l->stats.sessions_unknown);
    if (l->pause_until_ms) buf_str(&text, ", all pause");
    if (l->fatal.code) buf_printf(&text, ", fatal %d", (int)l->fatal.code);
    snprintf(out, size, "%s", text.data);
    buf_free(&text);
}

static void check(const struct row *row, size_t n)
{
    struct logikal *l = s.client;
    const struct logikal_session *one = &l->sessions[0];
    const char *body = strchr(row->said, ' ');
    char text[1000];
    int64_t least = row->wait < 0 ? -row->wait : row->wait / 2, most = llabs(row->wait), before_ms = mono_ms();
    sessions_answer(&s, 0, answer_of(row->said), body ? body + 1 : "");
    int64_t after_ms = mono_ms();
    describe(row->before, text, sizeof text);
    if (strcmp(text, row->expected) != 0) fail_msg("row %zu: %s", n, text);
    bool waits = one->state == SESSION_WAITING, has_failed = has(text, "done");
    if (waits && (one->wait_until_ms - before_ms < least || one->wait_until_ms - after_ms > most))
        fail_msg("row %zu: waits %d ms", n, (int)(one->wait_until_ms - before_ms));
    if (waits && l->pause_until_ms) assert_in_range(l->pause_until_ms, before_ms + least, after_ms + most);
    assert_int_equal(l->stats.retries, waits);
    assert_int_equal(l->stats.failures, has_failed);
    assert_int_equal(strncmp(l->stats.last_fault, "Logikal ", 8) == 0, waits);
}

static const struct row troubles[] = {
    {"GET", "500", "", "0 waits | restart; | 1 tries, 0 new", 100},
    {"GET", "500", "since 1000, tries 3, waits 3", "0 waits | restart; | 4 tries, 0 new", 800},
    {"GET", "500", "since 5000, depth 1, tries 3, anew", "0 waits | restart; | 1 tries, 0 new", 100},
    {"GET", "503 after 3000", "", "0 waits | restart; | 1 tries, 0 new, all pause", -3000},
    {"GET", "429 after 3000", "", "0 waits | restart; | 1 tries, 0 new, all pause", -3000},
    {"GET", "500 after 3000", "", "0 waits | restart; | 1 tries, 0 new", -3000},
    {"GET", "409", "", "0 waits | restart; | 1 tries, 0 new", -200},
    {"GET", "409", "since 1000, tries 1", "0 waits | restart; | 2 tries, 1 new, anew, renews", 0},
    {"GET", "409", "since 1000, tries 2, anew", "0 idle A p | restart; | 3 tries, 0 new, anew, second round", 0},
    {"GET", "409", "since 1000, tries 2, anew, second", "0 idle A p | restart; done PHASES A p: 9; | ", 0},
    {"GET", "404", "", "0 waits | restart; | 1 tries, 1 new, anew, renews", 0},
    {"GET", "404", "since 1000, tries 1, anew", "0 idle A p | restart; done PHASES A p: 8; | ", 0},
    {"GET", "401", "", "0 DELETE /auth | restart; | 0 tries, 1 new, renews", 0},
    {"GET", "401", "new 29", "0 DELETE /auth | restart; | 0 tries, 30 new, renews", 0},
    {"GET", "401", "new 30", "0 idle A p | restart; done PHASES A p: 13; | , renews", 0},
    {"GET", "404", "new 29", "0 waits | restart; | 1 tries, 30 new, anew, renews", 0},
    {"GET", "404", "new 30", "0 idle A p | restart; done PHASES A p: 13; | , renews, given up 1", 0},
    {"GET", "400", "", "0 idle A p | restart; done PHASES A p: 10; | ", 0},
    {"GET", "200 garbage", "", "0 waits | restart; | 1 tries, 0 new", 100},
    {"GET", "200 garbage", "since 1000, tries 4", "0 waits | restart; | 5 tries, 0 new", 100},
    {"GET", "200 garbage", "since 1000, tries 5", "0 idle A p | restart; done PHASES A p: 4; | , given up 1", 0},
    {"GET", "large", "", "0 idle A p | restart; done PHASES A p: 5; | ", 0},
    {"GET", "cut", "", "0 waits | restart; | 1 tries, 0 new", 100},
    {"GET", "certificate", "", "0 idle A p | restart; done PHASES A p: 10; | , fatal 1", 0},
    {"GET", "500", "since 3000000", "0 waits | restart; | 1 tries, 0 new", 100},
    {"GET", "500", "since 3700000, progress 3650000", "0 idle A p | restart; done PHASES A p: 13; | , given up 1", 0},
    {"GET", "500", "since 3000000, progress 3650000", "0 waits | restart; | 1 tries, 0 new", 100},
    {"GET", "503", "since 3700000, progress 3650000",
     "0 idle A p | restart; done PHASES A p: 13; | , given up 1, fatal 13", 0},
    {"GET", "503", "since 3700000, progress 2000000", "0 idle A p | restart; done PHASES A p: 13; | , given up 1", 0},
    {"GET", "cut", "since 3700000, silent 8, progress 2000000",
     "0 idle A p | restart; done PHASES A p: 13; | , given up 1, silent 9", 0},
    {"GET", "cut", "since 3700000, silent 9, progress 2000000",
     "0 idle A p | restart; done PHASES A p: 13; | , given up 1, silent 10, fatal 13", 0},
    {"GET", "500", "since 500000, given 9, progress 1000", "0 idle A p | restart; done PHASES A p: 13; | , given up 10",
     0},
    {"POST /proj", "409", "", "0 waits | | 1 tries, 0 new", -200},
    {"POST /proj", "409", "since 1000, anew", "0 idle A | | 1 tries, 0 new, anew, second round, renews", 0},
    {"POST /proj", "409", "since 1000, second", "0 idle A | done PHASES A p: 9; | , renews", 0},
    {"POST /proj", "404", "", "0 waits | | 1 tries, 1 new, anew, renews", 0},
    {"POST /proj", "404", "since 1000, anew", "0 idle A | done PHASES A p: 8; | , renews", 0},
    {"POST /proj", "503", "", "0 waits | | 1 tries, 0 new, all pause", 100},
    {"POST /proj", "cut", "", "0 waits | | 1 tries, 1 new, renews", 100},
    {"POST /proj", "large", "", "0 idle A | done PHASES A p: 5; | , renews", 0},
    {"POST /proj", "302", "", "0 waits | | 1 tries, 1 new, anew, renews", 0},
    {"POST /auth", "500", "since 1000, depth 0, tries 4", "0 waits | failed 0; | 5 tries, 0 new", 100},
    {"POST /auth", "401", "", "0 waits | failed 0; | 1 tries, 0 new", 100},
    {"POST /auth", "401", "since 1000, tries 2", " | failed 0; done PHASES A p: 10; | , fatal 10", 0},
    {"POST /auth", "307", "since 1000, tries 2", " | failed 0; done PHASES A p: 10; | , fatal 1", 0},
    {"POST /auth", "certificate", "", " | failed 0; done PHASES A p: 10; | , fatal 1", 0},
    {"POST /auth", "timeout", "", "0 waits | failed 0; | 1 tries, 0 new, unknown 1", 100},
    {"POST /auth", "cut", "", "0 waits | failed 0; | 1 tries, 0 new, unknown 1", 100},
    {"POST /auth", "connect", "", "0 waits | failed 0; | 1 tries, 0 new", 100},
    {"POST /auth", "503 after 700", "", "0 waits | failed 0; | 1 tries, 0 new", -700},
    {"POST /auth", "503", "others", "1 idle | failed 0; | 0 tries, 0 new, limit 1", 0},
    {"POST /auth", "200 {}", "", "0 waits | failed 0; | 1 tries, 0 new, unknown 1", 100},
    {"POST /auth", "200 {}", "since 1000, tries 5",
     " | failed 0; done PHASES A p: 4; | , given up 1, unknown 1, fatal 13", 0},
    {"POST /auth", "404", "since 3700000, progress 3650000", " | failed 0; done PHASES A p: 10; | , fatal 1", 0},
    {"POST /auth", "405", "since 3700000, progress 3650000", " | failed 0; done PHASES A p: 10; | , fatal 1", 0},
    {"POST /auth", "410", "since 3700000, progress 3650000", " | failed 0; done PHASES A p: 10; | , fatal 1", 0},
    {"POST /auth", "404", "since 3700000, progress 3650000, accepted",
     " | failed 0; done PHASES A p: 13; | , given up 1, fatal 13", 0},
    {"POST /auth", "connect", "since 3700000, progress 3650000",
     " | failed 0; done PHASES A p: 13; | , given up 1, silent 1, fatal 13", 0},
    {"POST /auth", "connect", "since 3700000, progress 3650000, others", "1 idle | failed 0; | 0 tries, 0 new, limit 1",
     0},
    {"GET", "500", "since 500000, given 5, progress 1000", "0 waits | restart; | 1 tries, 0 new", 100},
    {"GET", "500", "since 500000, given 9, progress 600000", "0 waits | restart; | 1 tries, 0 new", 100},
    {"GET", "500", "since 1, given 1000000", "0 waits | restart; | 1 tries, 0 new", 100},
    {"GET", "500", "since 5000, given 1000000", "0 idle A p | restart; done PHASES A p: 13; | , given up 1000001", 0},
    {"GET", "502", "since 3700000, progress 3650000",
     "0 idle A p | restart; done PHASES A p: 13; | , given up 1, fatal 13", 0},
    {"GET", "504", "since 3700000, progress 3650000",
     "0 idle A p | restart; done PHASES A p: 13; | , given up 1, fatal 13", 0},
    {"GET", "504", "since 3700000, progress 2800000",
     "0 idle A p | restart; done PHASES A p: 13; | , given up 1, fatal 13", 0},
    {"GET", "504", "since 3700000, progress 2600000", "0 idle A p | restart; done PHASES A p: 13; | , given up 1", 0},
    {"GET", "timeout", "since 3700000, progress 3650000",
     "0 idle A p | restart; done PHASES A p: 13; | , given up 1, silent 1, fatal 13", 0},
    {"GET", "200 garbage", "since 3700000, silent 5, progress 3650000",
     "0 idle A p | restart; done PHASES A p: 13; | , given up 1", 0},
    {"GET", "500", "since 1000, waits 20", "0 waits | restart; | 1 tries, 0 new", 5000},
    {"GET", "302", "", "0 waits | restart; | 1 tries, 1 new, anew, renews", 0},
    {"GET", "410", "since 1000, anew", "0 idle A p | restart; done PHASES A p: 8; | ", 0},
    {"GET", "500", "since 1000, tries 2, new 3, anew, second",
     "0 waits | restart; | 3 tries, 3 new, anew, second round", 100},
    {"GET", "425", "", "0 waits | restart; | 1 tries, 0 new", 100},
    {"GET", "408 after 1000", "", "0 waits | restart; | 1 tries, 0 new", -1000},
    {"POST /dir", "500", "since 1000, depth 2, tries 4", "0 waits | | 5 tries, 0 new", 100},
    {"POST /dir", "500", "since 1000, depth 1, tries 4", "0 waits | | 5 tries, 0 new", 100},
    {"POST /dir", "500", "since 1000, depth 0, tries 4", "0 waits | | 1 tries, 0 new", 100},
    {"POST /proj", "401", "", "0 DELETE /auth | | 0 tries, 1 new, renews", 0},
    {"POST /proj", "400", "", "0 idle A | done PHASES A p: 10; | , renews", 0},
    {"POST /proj", "429 after 5000", "", "0 waits | | 1 tries, 0 new, all pause", -5000},
    {"POST /proj", "200 []", "", "0 waits | | 1 tries, 1 new, renews", 100},
    {"POST /proj", "200 []", "since 1000, tries 5", "0 idle A | done PHASES A p: 4; | , renews, given up 1", 0},
    {"POST /auth", "429 after 5000", "", "0 waits | failed 0; | 1 tries, 0 new", -5000},
    {"POST /auth", "500", "", "0 waits | failed 0; | 1 tries, 0 new", 100},
    {"POST /auth", "401", "since 1000, tries 1", "0 waits | failed 0; | 2 tries, 0 new", 100},
    {"POST /auth", "401", "since 1000, tries 9, accepted", "0 waits | failed 0; | 10 tries, 0 new", 100},
    {"POST /auth", "connect", "since 1000, tries 1, others", "0 waits; 1 idle | failed 0; | 2 tries, 0 new", 100},
    {"POST /auth", "connect", "since 1000, tries 2, others", "1 idle | failed 0; | 0 tries, 0 new, limit 1", 0},
};

TEST(test_what_trouble_comes_to)
{
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        sessions_open(&s, "max_sessions = 3; retry_budget_s = 3600;", SIDEWAYS_UNKNOWN);
        sessions_job(&s, JOB_PHASES, "A p", 0);
        sessions_until(&s, 0, troubles[i].asks);
        begin(troubles[i].before);
        check(&troubles[i], i);
        sessions_close(&s);
    }
}
static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_trouble_comes_to),
};
TEST_MAIN(tests, settings_start, settings_stop)
