/* Chaos: the whole system under a mixed load while random faults strike, then the invariants. Everything random comes
 * from one seed; what happened is kept as a timeline and printed when an invariant does not hold. */
#ifndef LOGIKALD_TESTS_CHAOS_H
#define LOGIKALD_TESTS_CHAOS_H

#include <stdint.h>

#include "tests/load/load.h"
#include "tests/support/servers/hooks.h"
#include "tests/support/process/shimmed.h"

#define CHAOS_TOKEN "a-token-for-who-watches-0123456789"

struct chaos_usage {
    int supervisor_fds, role_fds[3]; /* of web, worker, beat */
};

struct chaos {
    struct system sys;
    struct shimmed shim;
    struct load load;
    uint64_t seed, random;
    int64_t start_ms, end_ms;
    int64_t phase_ms; /* when the present one began */
    char took[400];   /* how long each phase took so far */
    bool is_verbose;  /* CHAOS_VERBOSE: the timeline as it grows, on standard error */
    bool is_long;     /* there is time for what takes minutes in the end */
    bool is_over;     /* all was well: nothing to tell at exit */
    int faults;       /* that struck */
    int supervisor_kills, deploys;
    int web_deaths;     /* of web processes that faults have killed or stopped */
    int server_crashes; /* of PostgreSQL */
    int poisons;        /* messages that kill their runners */
    int64_t pss_peak_kib;
    struct receiver receiver; /* of the webhook and of alarms */
    char hook_secret[100], hook_from[120];
    pid_t watcher;     /* of the verdict */
    char watched[280]; /* what it has seen */
    char lacks[700];   /* what a wait in the end is still without; printed when it was in vain */
    int shown;         /* faults that had to show, and did */
    int64_t shown_most_ms;
    struct chaos_usage at_first;
    char built[400];          /* where the programs were built */
    char bin[280];            /* the programs under test: copies, so that a deploy can replace them */
    char log[280];            /* the supervisor's */
    char follow_ups[300];     /* ids of tasks that have a follow-up */
    char sanitizer_logs[300]; /* prefix of the files that sanitizers write */
};

extern const char *const chaos_roles[3]; /* web, worker, beat */

uint64_t chaos_random(struct chaos *c, uint64_t below);                                      /* 0 <= n < below */
void chaos_say(struct chaos *c, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* into the timeline */
void chaos_fail(struct chaos *c, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
void chaos_phase_ends(struct chaos *c, const char *phase);
void chaos_boot(struct chaos *c);    /* starts the supervisor */
void chaos_install(struct chaos *c); /* copies the built programs over those in bin, each by one rename */
void chaos_pass(struct chaos *c, int64_t least_ms, int64_t most_ms); /* waits a random while */
void chaos_sql(struct chaos *c, const char *sql);                    /* tried until PostgreSQL takes it */

/* faults.c: one random fault, undone before it returns (but for what the system itself must mend). Each kind strikes
 * once before any strikes again. */
void chaos_strike(struct chaos *c);
bool chaos_struck_all(const struct chaos *c); /* each kind did */
void chaos_kill(struct chaos *c, const char *role);
void chaos_print_faults(void);    /* how often each kind did, to the output */
void chaos_calm(struct chaos *c); /* nothing is stopped, slow, read-only or faulty any more */

/* faults_machine.c: faults of the machine and of those who operate it. */
void clock_steps(struct chaos *c);
void log_disk_is_full(struct chaos *c);
void disk_is_full(struct chaos *c);
void no_processes(struct chaos *c);
void no_descriptors(struct chaos *c);
void reload_storm(struct chaos *c);
void log_level_turns(struct chaos *c);
void deploy(struct chaos *c);

/* faults_queue.c */
void frozen_worker(struct chaos *c);
void poison(struct chaos *c);
void rights_change(struct chaos *c);
void check_follow_ups(struct chaos *c); /* with the end */
void check_poison(struct chaos *c);

/* faults_upstream.c */
void upstream_misbehaves(struct chaos *c);
void upstream_stays_away(struct chaos *c);
void upstream_lies(struct chaos *c);
void upstream_changes(struct chaos *c);
void upstream_shrinks(struct chaos *c);

/* verdict.c: what the verdict says, and the alarms */
void chaos_must_show(struct chaos *c, const char *words);                /* a problem with these words in its cause */
void chaos_must_show_while(struct chaos *c, const char *words, int pid); /* or the process is gone before */
void watch_begin(struct chaos *c);
void check_alarms(struct chaos *c); /* with the end */

/* told.c: who is told of changes */
void told_begin(struct chaos *c);
void told_calm(struct chaos *c); /* the receiver takes all from now on */
void check_told(struct chaos *c);

/* usage.c: the processes of the system and what they hold. */
int usage_processes(int64_t *pss_kib); /* those alive, of all supervisors so far; pss_kib may be NULL */
int usage_guardian(struct chaos *c);   /* the supervisor's; 0 = there is none now */
void usage_read(struct chaos *c, struct chaos_usage *out);

/* invariants.c: each fails with what was seen. */
int64_t chaos_redis_number(struct chaos *c, const char *command); /* -1 when it is none */
void chaos_wait(struct chaos *c, const char *what, bool (*is_true)(struct chaos *c));
void chaos_make_due(struct chaos *c); /* every type is synced at once */
void check_start(struct chaos *c);    /* and remembers what the system holds when all is well */
void check_during(struct chaos *c);
void check_ready(struct chaos *c); /* right after the last fault, while the load goes on */
void check_end(struct chaos *c);

#endif
