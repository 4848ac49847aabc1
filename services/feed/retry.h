/* What becomes of an endpoint after a try: a pure function from facts to a decision. */
#ifndef LOGIKALD_SERVICES_FEED_RETRY_H
#define LOGIKALD_SERVICES_FEED_RETRY_H

#include <stdbool.h>
#include <stdint.h>

enum fate {
    FATE_DELIVERED, /* 2xx */
    FATE_AGAIN,     /* after wait_ms */
    FATE_FAILED,    /* for too long: paused until somebody resumes it */
    FATE_GONE       /* 410: switched off */
};

struct retry_facts {
    int status;            /* 0 = no answer */
    int64_t retry_after_s; /* what the answer asks for; 0 = nothing */
    int failures;          /* in a row, before this one */
    int64_t failing_ms;    /* since the first of them */
    int64_t give_up_ms;    /* how long an endpoint may fail */
    unsigned chance;       /* any number: the jitter comes of it */
};

enum fate retry_decide(const struct retry_facts *facts, int64_t *wait_ms);

#endif
