/* What an answer of the upstream means, and what is done about it: one pure function over one table, in which the first
 * row that fits decides. docs/sync.md shows the same table in words. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_POLICY_H
#define LOGIKALD_SERVICES_LOGIKAL_POLICY_H

#include <stdbool.h>

#include "services/logikal/http.h"

enum session_call { CALL_LOGIN, CALL_LOGOUT, CALL_SELECT, CALL_ASK };

/* How the body of a 2xx was understood. */
enum reading {
    READ_WELL,
    READ_NOTHING, /* the upstream has no such file; an empty list that is said by 204 */
    READ_BADLY    /* not what was asked for: a page, garbage, an error object */
};

struct policy_facts {
    enum session_call call;
    bool is_parts;    /* CALL_ASK: of a parts list, which an elevation may not have */
    bool is_drawing;  /* CALL_ASK: of a drawing, for somebody who waits */
    bool is_sideways; /* CALL_SELECT: of a sibling */
    int status;       /* 0 = no answer: see fault */
    enum http_fault fault;
    enum reading reading;   /* of a 2xx */
    int tries;              /* how often this step of the job has failed before */
    bool is_anew;           /* its way was walked in a fresh session for that already */
    bool is_second_round;   /* it was left for later because of a lock */
    bool has_others;        /* others of our sessions are logged in */
    bool has_logins;        /* others are logging in now, for the first time */
    bool has_been_accepted; /* a login of this run went well */
};

enum policy {
    POLICY_GO_ON,
    POLICY_NOTHING,    /* done: there is no such file */
    POLICY_AGAIN,      /* the same call in the same session, later */
    POLICY_ANEW,       /* a fresh session walks the whole way, and the call again */
    POLICY_STRAIGHT,   /* a sideways select failed: the same in a fresh session, from above */
    POLICY_LOGIN,      /* the token is not known any more */
    POLICY_LATER,      /* locked: the job waits until there is nothing else to do */
    POLICY_LOCKED,     /* given up, for this run */
    POLICY_GONE,       /* given up: it is not there */
    POLICY_REFUSED,    /* given up: it will never be answered */
    POLICY_UNREADABLE, /* given up */
    POLICY_TOO_LARGE,  /* given up */
    POLICY_FEWER,      /* one session fewer; its job goes to the others */
    POLICY_DENIED,     /* the run ends: wrong user or password */
    POLICY_UNTRUSTED,  /* the run ends: its certificate is not believed, or ours is not there */
    POLICY_REDIRECTED, /* the run ends: the login is somewhere else */
    POLICY_COUNT
};

/* What to do. POLICY_AGAIN and POLICY_ANEW are bounded by the caller's budget. */
enum policy policy_decide(const struct policy_facts *facts);

#endif
