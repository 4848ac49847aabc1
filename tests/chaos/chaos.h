/* Chaos: the whole system under a mixed load while random faults strike, then the invariants. Everything random comes
 * from one seed; what happened is kept as a timeline and printed when an invariant does not hold. */
#ifndef LOGIKALD_TESTS_CHAOS_H
#define LOGIKALD_TESTS_CHAOS_H

#include <stdint.h>

#include "tests/support/system.h"

struct chaos {
    struct system sys;
    uint64_t seed, random;
    int64_t start_ms, end_ms;
    bool is_verbose; /* CHAOS_VERBOSE: the timeline as it grows, on standard error */
    int faults;      /* that struck */
    int supervisor_kills;
    char ledger[280]; /* ids of tasks that Redis has accepted, a line each */
    char http_log[280];
    char stop_file[280]; /* the load ends when it exists */
    pid_t load[2];
};

uint64_t chaos_random(struct chaos *c, uint64_t below);                                      /* 0 <= n < below */
void chaos_say(struct chaos *c, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* into the timeline */
void chaos_fail(struct chaos *c, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
void chaos_boot(struct chaos *c); /* starts the supervisor */

/* faults.c: one random fault, undone before it returns (but for what the system itself must mend). */
void chaos_strike(struct chaos *c);
void chaos_calm(struct chaos *c); /* nothing is stopped, slow, read-only or faulty any more */

/* load.c: two processes, one that enqueues tasks with an effect, one that makes HTTP requests. */
void load_start(struct chaos *c);
void load_stop(struct chaos *c);

/* invariants.c: each fails with what was seen. */
void check_during(struct chaos *c);
void check_end(struct chaos *c);

#endif
