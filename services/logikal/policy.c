/* What an answer of the upstream means, and what is done about it: one pure function over one table, in which the first
 * row that fits decides. docs/sync.md shows the same table in words. See policy.h. */
#include "services/logikal/policy.h"

#include <stddef.h>

#define LOGINS  (1U << CALL_LOGIN)
#define LOGOUTS (1U << CALL_LOGOUT)
#define SELECTS (1U << CALL_SELECT)
#define ASKS    (1U << CALL_ASK)
#define JOBS    (SELECTS | ASKS)
#define ALL     (LOGINS | LOGOUTS | JOBS)

/* Conditions beside the answer; a bit for each. */
enum condition {
    IF_SIDEWAYS = 1,
    IF_PARTS = 2,
    IF_ANEW = 4,
    IF_SECOND_ROUND = 8,
    IF_OTHERS = 16,
    IF_LOGINS = 32,
    IF_ACCEPTED = 64,
    IF_TRIED_ONCE = 128,
    IF_TRIED_TWICE = 256,
    IF_TRIED_5 = 512,
    IF_DRAWING = 1024
};

/* Answers: a status, or one of these. */
enum answer_kind {
    A_ANY = -100,
    A_WELL, /* a 2xx that was understood */
    A_NOTHING,
    A_BAD,       /* a 2xx that was not */
    A_REDIRECT,  /* 3xx */
    A_BUSY,      /* 408, 425, 429: now is not the time */
    A_CLIENT,    /* any 4xx */
    A_SERVER,    /* 5xx */
    A_TOO_LARGE, /* more bytes than allowed */
    A_UNTRUSTED, /* the certificates do not fit: nothing will change by itself */
    A_UNSEEN,    /* the server never saw the call */
    A_LOST       /* it may have seen it, and its answer did not come */
};

struct rule {
    unsigned calls;
    int answer;
    unsigned conditions;
    enum policy policy;
};

static const struct rule rules[] = {
    {ALL, A_WELL, 0, POLICY_GO_ON},
    {LOGINS | JOBS, A_UNTRUSTED, 0, POLICY_UNTRUSTED},
    {ASKS, A_NOTHING, IF_PARTS, POLICY_NOTHING},
    {ASKS, A_NOTHING, 0, POLICY_GO_ON},

    /* Logging out: what does not succeed soon is left to the next run, which finds it noted. */
    {LOGOUTS, 401, 0, POLICY_GO_ON}, /* it is not known there any more */
    {LOGOUTS, 404, 0, POLICY_GO_ON},
    {LOGOUTS, A_ANY, 0, POLICY_AGAIN},

    /* Logging in: with a session of our own, one that is refused is one too many. */
    {LOGINS, A_REDIRECT, IF_TRIED_ONCE, POLICY_REDIRECTED},
    {LOGINS, A_UNSEEN, IF_OTHERS | IF_TRIED_TWICE, POLICY_FEWER},
    {LOGINS, A_UNSEEN, 0, POLICY_AGAIN},
    {LOGINS, A_LOST, IF_OTHERS | IF_TRIED_TWICE, POLICY_FEWER},
    {LOGINS, A_LOST, 0, POLICY_AGAIN},
    {LOGINS, A_BAD, IF_OTHERS | IF_TRIED_TWICE, POLICY_FEWER},
    {LOGINS, A_BAD, IF_TRIED_5, POLICY_UNREADABLE}, /* each may have made a session that nobody can end */
    {LOGINS, A_BAD, 0, POLICY_AGAIN},
    {LOGINS, A_ANY, IF_OTHERS, POLICY_FEWER},
    {LOGINS, A_ANY, IF_LOGINS, POLICY_AGAIN},
    {LOGINS, A_ANY, IF_ACCEPTED, POLICY_AGAIN}, /* the password was right: others have all the sessions */
    {LOGINS, 400, IF_TRIED_TWICE, POLICY_DENIED},
    {LOGINS, 401, IF_TRIED_TWICE, POLICY_DENIED},
    {LOGINS, 403, IF_TRIED_TWICE, POLICY_DENIED},
    {LOGINS, A_ANY, 0, POLICY_AGAIN},

    {JOBS, A_TOO_LARGE, 0, POLICY_TOO_LARGE},
    {JOBS, 401, 0, POLICY_LOGIN},
    {JOBS, A_BUSY, 0, POLICY_AGAIN},
    {JOBS, A_UNSEEN, 0, POLICY_AGAIN},

    /* A sideways select that is refused says nothing about the object. */
    {SELECTS, A_CLIENT, IF_SIDEWAYS, POLICY_STRAIGHT},
    {SELECTS, A_LOST, 0, POLICY_ANEW},
    {SELECTS, A_BAD, IF_TRIED_5, POLICY_UNREADABLE},
    {SELECTS, A_BAD, 0, POLICY_ANEW},
    {SELECTS, A_SERVER, 0, POLICY_AGAIN},

    /* What was listed and is not there, or not from here, is not believed before a fresh session says so too. */
    {JOBS, 405, IF_ANEW, POLICY_REFUSED},
    {JOBS, 405, 0, POLICY_ANEW},
    {ASKS, 404, IF_PARTS, POLICY_NOTHING},
    {ASKS, 410, IF_PARTS, POLICY_NOTHING},
    {JOBS, 404, IF_ANEW, POLICY_GONE},
    {JOBS, 404, 0, POLICY_ANEW},
    {JOBS, 410, IF_ANEW, POLICY_GONE},
    {JOBS, 410, 0, POLICY_ANEW},

    /* A lock is an answer: two short tries, one of them in a fresh session (the first may have answered a request that
     * was sent twice), then later in the run, then the next run. */
    {JOBS, 409, IF_SECOND_ROUND, POLICY_LOCKED},
    {JOBS, 409, IF_ANEW, POLICY_LATER},
    {JOBS, 409, IF_TRIED_ONCE, POLICY_ANEW},
    {JOBS, 409, 0, POLICY_AGAIN},

    {ASKS, A_BAD, IF_DRAWING, POLICY_UNREADABLE}, /* whoever waits for it is told, and may ask again */
    {ASKS, A_BAD, IF_TRIED_5, POLICY_UNREADABLE},
    {ASKS, A_BAD, 0, POLICY_AGAIN},
    {ASKS, A_LOST, 0, POLICY_AGAIN},
    {ASKS, A_SERVER, 0, POLICY_AGAIN},
    {JOBS, A_REDIRECT, IF_ANEW, POLICY_REFUSED},
    {JOBS, A_REDIRECT, 0, POLICY_ANEW}, /* a gateway that wants a new login */
    {JOBS, A_ANY, 0, POLICY_REFUSED},
};

static bool is_answer(const struct policy_facts *f, int answer)
{
    bool is_2xx = f->status >= 200 && f->status < 300;
    switch (answer) {
    case A_ANY: return true;
    case A_WELL: return is_2xx && f->reading == READ_WELL;
    case A_NOTHING: return is_2xx && f->reading == READ_NOTHING;
    case A_BAD: return (is_2xx && f->reading == READ_BADLY) || f->fault == HTTP_FAULT_SINK;
    case A_REDIRECT: return f->status >= 300 && f->status < 400;
    case A_BUSY: return f->status == 408 || f->status == 425 || f->status == 429;
    case A_CLIENT: return f->status >= 400 && f->status < 500;
    case A_SERVER: return f->status >= 500;
    case A_TOO_LARGE: return f->fault == HTTP_FAULT_TOO_LARGE;
    case A_UNTRUSTED: return f->fault == HTTP_FAULT_CERTIFICATE;
    case A_UNSEEN: return f->fault == HTTP_FAULT_CONNECT || f->fault == HTTP_FAULT_TLS;
    case A_LOST: return f->fault == HTTP_FAULT_TIMEOUT || f->fault == HTTP_FAULT_CUT;
    default: return f->status == answer;
    }
}

static unsigned conditions_of(const struct policy_facts *f)
{
    return (f->is_sideways ? IF_SIDEWAYS : 0U) | (f->is_parts ? IF_PARTS : 0U) | (f->is_anew ? IF_ANEW : 0U) |
           (f->is_second_round ? IF_SECOND_ROUND : 0U) | (f->has_others ? IF_OTHERS : 0U) |
           (f->has_logins ? IF_LOGINS : 0U) | (f->has_been_accepted ? IF_ACCEPTED : 0U) |
           (f->tries >= 1 ? IF_TRIED_ONCE : 0U) | (f->tries >= 2 ? IF_TRIED_TWICE : 0U) |
           (f->tries >= 5 ? IF_TRIED_5 : 0U) | (f->is_drawing ? IF_DRAWING : 0U);
}

enum policy policy_decide(const struct policy_facts *facts)
{
    unsigned conditions = conditions_of(facts);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct rule *rule = &rules[i];
        if (!(rule->calls & 1U << facts->call) || (rule->conditions & conditions) != rule->conditions) continue;
        if (is_answer(facts, rule->answer)) return rule->policy;
    }
    return POLICY_REFUSED;
}
