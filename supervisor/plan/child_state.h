/* The life of one child as a state machine: pure decisions from an event, a clock and a policy to a new state and the
 * actions that carry it out. No process, descriptor or timer is touched here; child.c does what is decided.
 *
 *   down -> waiting -> starting -> ready -> stopping -> (lingering) -> down
 *                         |          |---> dumping -> killing
 *                         +----------+---> backoff | crash-loop -> waiting
 *
 * The first restart after a stable time comes at once, then with exponential backoff and jitter up to a cap. Too many
 * exits within a window make a crash loop, which is retried at the cap. Being ready for the stable time forgets it all.
 */
#ifndef LOGIKALD_SUPERVISOR_PLAN_CHILD_STATE_H
#define LOGIKALD_SUPERVISOR_PLAN_CHILD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/backoff.h"
#include "conf/program.h"

enum child_state {
    CHILD_DOWN,       /* not wanted, no process */
    CHILD_WAITING,    /* wanted; what it depends on is not ready */
    CHILD_STARTING,   /* its process runs and is not ready yet */
    CHILD_READY,      /* its process runs and is ready */
    CHILD_STOPPING,   /* asked to end */
    CHILD_DUMPING,    /* hung: SIGABRT was sent so that it can tell where */
    CHILD_KILLING,    /* SIGKILL was sent to its process group */
    CHILD_LINGERING,  /* its process ended as asked, others of its process group have not */
    CHILD_BACKOFF,    /* ended by itself; waits before the next try */
    CHILD_CRASH_LOOP, /* ended too often; waits for the longest backoff before each try */
    CHILD_DONE,       /* ended, and its restart policy says that this is all */
    CHILD_STATE_COUNT
};

enum child_event {
    EVENT_START,         /* it is wanted */
    EVENT_STOP,          /* it is not wanted */
    EVENT_RESTART,       /* end and start again, without counting it as a failure */
    EVENT_DEPENDS_READY, /* what it depends on is ready */
    EVENT_SPAWN_FAILED,  /* no process could be made */
    EVENT_READY,         /* it said so, or its probe succeeded */
    EVENT_HUNG,          /* it has not pinged for too long */
    EVENT_SICK,          /* it does not answer its liveness probe */
    EVENT_EXITED_CLEAN,  /* its process ended with status 0 */
    EVENT_EXITED_DIRTY,  /* its process ended in another way */
    EVENT_GROUP_GONE,    /* nobody is left in its process group */
    EVENT_DEADLINE,      /* deadline_ms has come */
    EVENT_HURRY,         /* do not wait for it to end by itself */
    CHILD_EVENT_COUNT
};

enum child_action {
    ACTION_SPAWN = 1,       /* make a process */
    ACTION_STOP_SIGNAL = 2, /* the stop signal to its process */
    ACTION_ABORT = 4,       /* SIGABRT to its process */
    ACTION_KILL = 8,        /* SIGKILL to its process group */
    ACTION_FAILED = 16,     /* an exit that counts as a failure: tell the exit reason and the last lines */
    ACTION_LOOPING = 32,    /* it has become a crash loop */
    ACTION_STABLE = 64,     /* it has been ready for the stable time; a crash loop is over */
    ACTION_ABANDON = 128,   /* what does not end although it was killed is left to the system: nobody waits for it */
};

/* Why a process was asked to end. */
enum child_why { WHY_ASKED, WHY_NOT_READY, WHY_HUNG, WHY_SICK };

struct child_policy {
    enum program_restart restart;
    int64_t start_timeout_ms; /* 0 = it may take any time to become ready */
    int64_t stop_timeout_ms;
    int64_t stable_ms, backoff_base_ms, backoff_cap_ms;
    int64_t loop_window_ms;
    int loop_count;
};

#define CHILD_EXITS_MAX    100  /* largest crash_loop_count */
#define CHILD_DUMP_MS      3000 /* for a hung process to write its backtrace */
#define CHILD_KILL_ANEW_MS 1000
#define CHILD_KILL_ROUNDS  5    /* kills before the process, or the rest of its group, is given up */
#define CHILD_HURRY_MS     1000 /* who is asked to end in a hurry has at least this long */

struct child_machine {
    enum child_state state;
    bool is_wanted;
    bool is_crash_loop;  /* until it has been stable again */
    bool is_success;     /* in CHILD_DONE: it ended with status 0 */
    enum child_why why;  /* in STOPPING, DUMPING, KILLING and LINGERING */
    int kills;           /* in KILLING and LINGERING: how often it was killed */
    int64_t asked_ms;    /* in STOPPING: since when */
    int64_t deadline_ms; /* monotonic; when EVENT_DEADLINE is due, 0 = never */
    int64_t ready_ms;    /* since when it is ready; 0 = is not */
    int64_t starts;      /* processes made so far */
    unsigned failures;   /* in a row, since it was last stable */
    struct backoff backoff;
    int64_t exits_ms[CHILD_EXITS_MAX]; /* when it failed, a ring */
    unsigned exits_at;
};

void child_machine_init(struct child_machine *m);

/* Takes the event in; returns the actions to carry out (enum child_action, or'ed). An event that means nothing in the
 * present state changes nothing. */
unsigned child_step(struct child_machine *m, const struct child_policy *p, enum child_event event, int64_t now_ms);

/* The time that the process of the supervisor slept (frozen, starved) counts for nobody: what is due comes later. */
void child_sleep(struct child_machine *m, int64_t slept_ms);

bool child_state_allows(enum child_state from, enum child_state to); /* the table of transitions */
bool child_state_has_process(enum child_state state);                /* its leader lives */
const char *child_state_name(enum child_state state);
const char *child_event_name(enum child_event event);

#endif
