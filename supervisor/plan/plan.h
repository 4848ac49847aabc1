/* Which children should run, worked out from the configuration alone: the built-in roles and the [program] entries,
 * what each depends on and how it is to be treated. Also what differs between two configurations. Pure: no process is
 * touched. */
#ifndef LOGIKALD_SUPERVISOR_PLAN_PLAN_H
#define LOGIKALD_SUPERVISOR_PLAN_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "supervisor/plan/child_state.h"

#define CHILD_NAME_SIZE   64
#define PLAN_CHILDREN_MAX 64

enum child_readiness {
    READINESS_NONE,  /* ready as soon as it runs */
    READINESS_FD,    /* tells over an inherited descriptor (the roles) */
    READINESS_PATH,  /* tells over NOTIFY_SOCKET (programs that know sd_notify) */
    READINESS_EXIT,  /* a one-shot: it has done its work when it exits with status 0 */
    READINESS_PROBE, /* is asked: see program->ready and ready_target */
};

/* A child that should exist. Everything but `program` is held by value, so that a child outlives the configuration that
 * it was started from. */
struct child_spec {
    char name[CHILD_NAME_SIZE];    /* "web.0", "beat", "redis" */
    char role[CHILD_NAME_SIZE];    /* "web", "beat", "redis": what depends_on names */
    const struct program *program; /* NULL for a role; belongs to the configuration */
    unsigned users;                /* enum setting_user of a role; 0 for a program */
    enum child_readiness readiness;
    struct child_policy policy;
    int stop_signal;
    int64_t watchdog_ms; /* 0 = none */
    uid_t uid;           /* of a program that runs as another user; (uid_t)-1 = as we do, or not known here */
    bool is_not_autostart;
    int64_t memory_soft_bytes, memory_hard_bytes;
    bool is_essential;
    bool is_overlapping;     /* a successor may run beside it: it is replaced without a gap */
    bool has_listener;       /* gets the listening socket */
    bool waits_for_programs; /* the programs come first */
    bool waits_for_migrate;
};

struct plan {
    int count;
    bool is_gate_on;
    char note[160]; /* why worker and beat are not there; "" when they are */
    struct child_spec specs[PLAN_CHILDREN_MAX];
};

void plan_copy(struct plan *to, const struct plan *from); /* touches only what is used */

/* only: comma separated names of roles and programs to keep, blanks do not count; NULL or none = all. 0, or an error
 * that names what is wrong (unknown or circular depends_on, too many children, a name used
 * twice, an unknown user). */
int plan_from_conf(struct plan *plan, const struct conf *conf, const char *only, struct err *err);

/* 0, or -ERR_CONFIG when `only` names what is neither a role nor a program of the file. */
int plan_check_only(const char *only, const struct conf *conf, struct err *err);

const struct child_spec *plan_find(const struct plan *plan, const char *name);

/* True when a depends on b: b is to be ready before a is started. */
bool spec_depends_on(const struct child_spec *a, const struct child_spec *b);
/* Of a dependency: true when a waits for b whatever happens; false when it is enough that b was tried (the roles come
 * up without a program that cannot be kept running). */
bool spec_is_patient(const struct child_spec *a, const struct child_spec *b);
/* True when a is to be gone before b is stopped: what depends on it, and roles before programs. */
bool spec_stops_before(const struct child_spec *a, const struct child_spec *b);

enum spec_change { SPEC_SAME, SPEC_SIGNAL, SPEC_REPLACE };
/* What a reload means for a child that is in both plans: nothing, a HUP for settings that it applies in place, or
 * another process. changed: what conf_diff said. */
enum spec_change spec_compare(const struct child_spec *before, const struct child_spec *after,
                              const enum setting_id *changed, int changed_count);

#endif
