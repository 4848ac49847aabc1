/* A mixed load of several clients at once on a system under test, each a process of its own: readers, a writer, one
 * that watches the stream of events, one that asks for syncs, and two that enqueue tasks. Every answer is judged; one
 * that must not be seen is counted as wrong and written down. The processes end with load_stop, or with their parent.
 */
#ifndef LOGIKALD_TESTS_LOAD_H
#define LOGIKALD_TESTS_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/support/system.h"

enum load_kind {
    LOAD_READER,   /* lists, pages and health, as stranger, client and administrator, with and without ETag */
    LOAD_WRITER,   /* changes an interval, leaves a directory out of the sync, and reads both back */
    LOAD_WATCHER,  /* opens the stream of events, reads for a while, closes it */
    LOAD_SYNCER,   /* forces syncs and waits for their result */
    LOAD_ADDER,    /* tasks whose results are awaited */
    LOAD_FOLLOWER, /* follows the feed of changes by its cursor, and writes down what it is told */
    LOAD_BILLS,    /* opens elevations as an ERP does: bills of materials, tables, lines of parts lists */
    LOAD_FILES,    /* the parts lists themselves, whose bytes have the hash that their ETag says */
    LOAD_PICTURES, /* thumbnails */
    LOAD_EFFECTS,  /* tasks whose effects are counted in the end: the ids that Redis accepted are in the ledger */
    LOAD_KINDS
};
extern const char *const load_names[LOAD_KINDS];

#define LOAD_SLOTS   10000 /* of 0.1 ms; the last one holds all that took longer */
#define LOAD_CLIENTS 16

struct load_count {
    _Atomic int64_t answered;          /* requests with an answer, results, accepted tasks, streams */
    _Atomic int64_t served;            /* those of them that were what the client wanted */
    _Atomic int64_t refused;           /* with a 5xx that says why; a task that Redis did not take */
    _Atomic int64_t broken;            /* no answer, while a supervisor was there */
    _Atomic int64_t wrong;             /* must not be seen */
    _Atomic int32_t slots[LOAD_SLOTS]; /* what was served, by the time it took */
};

struct load_shared {
    _Atomic int port; /* of the HTTP server; 0 = none now: clients of HTTP wait */
    struct load_count of[LOAD_KINDS];
};

struct load {
    struct system *sys;
    struct load_shared *shared;
    const char *password;  /* the administrator's; NULL = that of struct system */
    bool is_strict;        /* nothing disturbs the system: a 401 or a lost object of who may have it is wrong too */
    bool changes_upstream; /* the syncer changes elevations before it asks for a sync */
    bool has_follow_ups;   /* each effect is followed by a task after-ID in the list followups, which nobody takes */
    char client[1100];     /* token of a client that may read and sync */
    char admin[80];        /* of an administrator */
    char ledger[280], complaints[280], stop_file[280];
    char feed[280]; /* of the follower: "CURSOR type operation row" for each change, "= CURSOR" for each answer */
    pid_t pids[LOAD_CLIENTS];
    bool has[LOAD_KINDS]; /* there are such clients */
    int clients;
};

struct load_plan {
    enum load_kind kind;
    int pause_ms; /* between requests; 0 ends a plan */
};

void load_open(struct load *l, struct system *sys); /* registers the client; the system must be up */
void load_start(struct load *l, const struct load_plan plan[]);
/* Waits until every client has ended (tasks that were accepted are waited for). False: one ended with an error. */
bool load_stop(struct load *l);
void load_take_up(struct load *l); /* the system's new port counts */
void load_take_down(struct load *l);
char *load_complaints(struct load *l); /* "" = none; free() it */
/* Milliseconds by which this part of what was served since `before` (may be NULL: the beginning) was served. */
double load_percentile_ms(const struct load_count *now, const struct load_count *before, double percent);

#endif
