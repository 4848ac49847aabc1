/* The one policy for answers: every call, status and fault by a table, and what no table row may ever do. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "services/logikal/client_internal.h"
#include "tests/support/test.h"

static const char *const names[POLICY_COUNT] = {"go on",      "nothing",   "again",  "anew",   "straight",
                                                "login",      "later",     "locked", "gone",   "refused",
                                                "unreadable", "too large", "fewer",  "denied", "redirected"};

static const struct {
    struct policy_facts facts;
    enum policy expected;
} policies[] = {
    /* logins */
    {{.call = CALL_LOGIN, .status = 200}, POLICY_GO_ON},
    {{.call = CALL_LOGIN, .status = 401}, POLICY_AGAIN},
    {{.call = CALL_LOGIN, .status = 401, .tries = 2}, POLICY_DENIED},
    {{.call = CALL_LOGIN, .status = 403, .tries = 2}, POLICY_DENIED},
    {{.call = CALL_LOGIN, .status = 401, .tries = 9, .has_logins = true}, POLICY_AGAIN},
    {{.call = CALL_LOGIN, .status = 401, .tries = 9, .has_been_accepted = true}, POLICY_AGAIN},
    {{.call = CALL_LOGIN, .status = 401, .has_others = true}, POLICY_FEWER},
    {{.call = CALL_LOGIN, .status = 409, .has_others = true}, POLICY_FEWER},
    {{.call = CALL_LOGIN, .status = 429, .has_others = true}, POLICY_FEWER},
    {{.call = CALL_LOGIN, .status = 500, .has_others = true}, POLICY_FEWER},
    {{.call = CALL_LOGIN, .status = 503, .has_others = true}, POLICY_FEWER},
    {{.call = CALL_LOGIN, .status = 404, .has_others = true}, POLICY_FEWER},
    {{.call = CALL_LOGIN, .status = 409, .tries = 9}, POLICY_AGAIN},
    {{.call = CALL_LOGIN, .status = 503, .tries = 9}, POLICY_AGAIN},
    {{.call = CALL_LOGIN, .status = 307}, POLICY_AGAIN},
    {{.call = CALL_LOGIN, .status = 307, .tries = 1}, POLICY_REDIRECTED},
    {{.call = CALL_LOGIN, .status = 301, .tries = 1}, POLICY_REDIRECTED},
    {{.call = CALL_LOGIN, .status = 200, .reading = READ_BADLY}, POLICY_AGAIN},
    {{.call = CALL_LOGIN, .status = 200, .reading = READ_BADLY, .tries = 5}, POLICY_UNREADABLE},
    {{.call = CALL_LOGIN, .fault = HTTP_FAULT_CONNECT}, POLICY_AGAIN},
    {{.call = CALL_LOGIN, .fault = HTTP_FAULT_CONNECT, .tries = 9}, POLICY_AGAIN},
    {{.call = CALL_LOGIN, .fault = HTTP_FAULT_TIMEOUT, .tries = 2, .has_others = true}, POLICY_FEWER},
    /* logouts */
    {{.call = CALL_LOGOUT, .status = 200}, POLICY_GO_ON},
    {{.call = CALL_LOGOUT, .status = 401}, POLICY_GO_ON},
    {{.call = CALL_LOGOUT, .status = 404}, POLICY_GO_ON},
    {{.call = CALL_LOGOUT, .status = 500}, POLICY_AGAIN},
    {{.call = CALL_LOGOUT, .status = 409}, POLICY_AGAIN},
    {{.call = CALL_LOGOUT, .status = 405}, POLICY_AGAIN},
    {{.call = CALL_LOGOUT, .status = 302}, POLICY_AGAIN},
    {{.call = CALL_LOGOUT, .fault = HTTP_FAULT_CUT}, POLICY_AGAIN},
    /* selects */
    {{.call = CALL_SELECT, .status = 200}, POLICY_GO_ON},
    {{.call = CALL_SELECT, .status = 204}, POLICY_GO_ON},
    {{.call = CALL_SELECT, .status = 200, .reading = READ_BADLY}, POLICY_ANEW},
    {{.call = CALL_SELECT, .status = 200, .reading = READ_BADLY, .tries = 5}, POLICY_UNREADABLE},
    {{.call = CALL_SELECT, .status = 401}, POLICY_LOGIN},
    {{.call = CALL_SELECT, .status = 404}, POLICY_ANEW},
    {{.call = CALL_SELECT, .status = 404, .is_anew = true}, POLICY_GONE},
    {{.call = CALL_SELECT, .status = 410, .is_anew = true}, POLICY_GONE},
    {{.call = CALL_SELECT, .status = 405}, POLICY_ANEW},
    {{.call = CALL_SELECT, .status = 405, .is_anew = true}, POLICY_REFUSED},
    {{.call = CALL_SELECT, .status = 409}, POLICY_AGAIN},
    {{.call = CALL_SELECT, .status = 409, .tries = 1}, POLICY_ANEW},
    {{.call = CALL_SELECT, .status = 409, .tries = 2, .is_anew = true}, POLICY_LATER},
    {{.call = CALL_SELECT, .status = 409, .is_second_round = true}, POLICY_LOCKED},
    {{.call = CALL_SELECT, .status = 404, .is_sideways = true}, POLICY_STRAIGHT},
    {{.call = CALL_SELECT, .status = 405, .is_sideways = true}, POLICY_STRAIGHT},
    {{.call = CALL_SELECT, .status = 409, .is_sideways = true}, POLICY_STRAIGHT},
    {{.call = CALL_SELECT, .status = 400, .is_sideways = true}, POLICY_STRAIGHT},
    {{.call = CALL_SELECT, .status = 403, .is_sideways = true}, POLICY_STRAIGHT},
    {{.call = CALL_SELECT, .status = 429, .is_sideways = true}, POLICY_AGAIN},
    {{.call = CALL_SELECT, .status = 400}, POLICY_REFUSED},
    {{.call = CALL_SELECT, .status = 403}, POLICY_REFUSED},
    {{.call = CALL_SELECT, .status = 429}, POLICY_AGAIN},
    {{.call = CALL_SELECT, .status = 502}, POLICY_AGAIN},
    {{.call = CALL_SELECT, .status = 302}, POLICY_ANEW},
    {{.call = CALL_SELECT, .status = 302, .is_anew = true}, POLICY_REFUSED},
    {{.call = CALL_SELECT, .fault = HTTP_FAULT_CONNECT}, POLICY_AGAIN},
    {{.call = CALL_SELECT, .fault = HTTP_FAULT_CUT}, POLICY_ANEW},
    {{.call = CALL_SELECT, .fault = HTTP_FAULT_TIMEOUT}, POLICY_ANEW},
    {{.call = CALL_SELECT, .fault = HTTP_FAULT_CUT, .is_sideways = true}, POLICY_ANEW},
    /* questions */
    {{.call = CALL_ASK, .status = 200}, POLICY_GO_ON},
    {{.call = CALL_ASK, .status = 204, .reading = READ_NOTHING}, POLICY_GO_ON},
    {{.call = CALL_ASK, .status = 200, .reading = READ_NOTHING, .is_parts = true}, POLICY_NOTHING},
    {{.call = CALL_ASK, .status = 404, .is_parts = true}, POLICY_NOTHING},
    {{.call = CALL_ASK, .status = 404}, POLICY_ANEW},
    {{.call = CALL_ASK, .status = 404, .is_anew = true}, POLICY_GONE},
    {{.call = CALL_ASK, .status = 401}, POLICY_LOGIN},
    {{.call = CALL_ASK, .status = 405}, POLICY_ANEW},
    {{.call = CALL_ASK, .status = 405, .is_anew = true}, POLICY_REFUSED},
    {{.call = CALL_ASK, .status = 409}, POLICY_AGAIN},
    {{.call = CALL_ASK, .status = 409, .tries = 1}, POLICY_ANEW},
    {{.call = CALL_ASK, .status = 409, .is_anew = true}, POLICY_LATER},
    {{.call = CALL_ASK, .status = 409, .is_anew = true, .is_second_round = true}, POLICY_LOCKED},
    {{.call = CALL_ASK, .status = 200, .reading = READ_BADLY}, POLICY_AGAIN},
    {{.call = CALL_ASK, .status = 200, .reading = READ_BADLY, .is_drawing = true}, POLICY_UNREADABLE},
    {{.call = CALL_ASK, .status = 500, .is_drawing = true}, POLICY_AGAIN},
    {{.call = CALL_ASK, .status = 400}, POLICY_REFUSED},
    {{.call = CALL_ASK, .status = 403}, POLICY_REFUSED},
    {{.call = CALL_ASK, .status = 418}, POLICY_REFUSED},
    {{.call = CALL_ASK, .status = 429}, POLICY_AGAIN},
    {{.call = CALL_ASK, .status = 500, .tries = 9}, POLICY_AGAIN},
    {{.call = CALL_ASK, .status = 302}, POLICY_ANEW},
    {{.call = CALL_ASK, .status = 200, .reading = READ_BADLY}, POLICY_AGAIN},
    {{.call = CALL_ASK, .status = 200, .reading = READ_BADLY, .tries = 5}, POLICY_UNREADABLE},
    {{.call = CALL_ASK, .fault = HTTP_FAULT_SINK}, POLICY_AGAIN},
    {{.call = CALL_ASK, .fault = HTTP_FAULT_CUT}, POLICY_AGAIN},
    {{.call = CALL_ASK, .fault = HTTP_FAULT_TOO_LARGE}, POLICY_TOO_LARGE},
    {{.call = CALL_SELECT, .fault = HTTP_FAULT_TOO_LARGE}, POLICY_TOO_LARGE},
};

TEST(test_policy_by_table)
{

    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        enum policy policy = policy_decide(&policies[i].facts);
        if (policy != policies[i].expected)
            fail_msg("row %zu: %s instead of %s", i, names[policy], names[policies[i].expected]);
    }
}

static void each_facts(void (*check)(const struct policy_facts *))
{
    static const int statuses[] = {200, 201, 204, 301, 302, 307, 400, 401, 403, 404, 405, 408,
                                   409, 410, 418, 422, 425, 429, 500, 501, 502, 503, 504, 599};
    for (int n = 0; n < 4 * 24 * 3 * 1024; n++) {
        int bits = n / (4 * 24 * 3);
        struct policy_facts f = {.call = (enum session_call)(n % 4),
                                 .status = statuses[n / 4 % 24],
                                 .reading = (enum reading)(n / 96 % 3),
                                 .is_parts = bits & 1,
                                 .is_sideways = bits & 2,
                                 .is_anew = bits & 4,
                                 .is_second_round = bits & 8,
                                 .has_others = bits & 16,
                                 .has_logins = bits & 32,
                                 .has_been_accepted = bits & 64,
                                 .tries = bits >> 7};
        check(&f);
    }
}

/* Whatever the upstream says: only a login that nobody else has passed ends a run; only a 409 is a lock, and a lock
 * never means gone, refused or again for long; nothing that was listed is gone at the first word. */
static void check_promises(const struct policy_facts *f)
{
    enum policy policy = policy_decide(f);
    bool ends_run = policy == POLICY_DENIED || policy == POLICY_REDIRECTED;
    bool is_lock = policy == POLICY_LATER || policy == POLICY_LOCKED;
    if (ends_run && (f->call != CALL_LOGIN || (policy == POLICY_DENIED && (f->has_others || f->has_been_accepted))))
        fail_msg("a run ends of %d to call %d", f->status, (int)f->call);
    if (is_lock && (f->status != 409 || f->call < CALL_SELECT)) fail_msg("%d is no lock", f->status);
    if (f->status == 409 && f->call >= CALL_SELECT && (policy == POLICY_GONE || policy == POLICY_REFUSED))
        fail_msg("a lock is %s", names[policy]);
    if (f->status == 409 && f->call >= CALL_SELECT && f->is_anew && policy == POLICY_AGAIN)
        fail_msg("a lock is tried again");
    if (policy == POLICY_GONE && !f->is_anew) fail_msg("gone at the first word");
    if (policy == POLICY_FEWER && (f->call != CALL_LOGIN || !f->has_others)) fail_msg("fewer than one session");
    if (f->call == CALL_LOGIN && f->has_others && f->status >= 400 && policy != POLICY_FEWER)
        fail_msg("a refused login with others open is %s", names[policy]);
    if (f->call == CALL_LOGOUT && policy != POLICY_GO_ON && policy != POLICY_AGAIN)
        fail_msg("a logout is %s", names[policy]);
    if (f->reading == READ_BADLY && f->status / 100 == 2 && f->call != CALL_LOGOUT && policy == POLICY_GO_ON)
        fail_msg("an answer that cannot be read is believed");
}

TEST(test_policy_keeps_its_promises)
{
    each_facts(check_promises);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_policy_by_table),
    cmocka_unit_test(test_policy_keeps_its_promises),
};
TEST_MAIN(tests, NULL, NULL)
