/* Which object types are due, and in which order: pure functions of the settings and of ages that the database gave. */
#ifndef LOGIKALD_SERVICES_SYNC_DUE_H
#define LOGIKALD_SERVICES_SYNC_DUE_H

#include <stdbool.h>

#include "services/store/sync/sync_config.h"

enum due {
    DUE_NOT,      /* synced less than an interval ago */
    DUE_DISABLED, /* is_sync_enabled is off */
    DUE_WAITS,    /* a failed attempt is tried again later */
    DUE_CYCLE,    /* it depends on itself, over others maybe: refused */
    DUE_BLOCKED,  /* what it depends on was never synced, and is not going to be now */
    DUE_NEVER_SYNCED,
    DUE_INTERVAL, /* the interval has passed */
    DUE_STALE,    /* older than the staleness threshold */
    DUE_OLD_ROWS, /* synced lately, and yet some of what is stored is older than the threshold */
    DUE_RETRY     /* the delay after a failed attempt has passed */
};

bool due_is_yes(enum due due);
const char *due_reason(enum due due); /* for people and results; never NULL */

/* Whether one type is due by its own row, without a look at what it depends on. */
enum due due_of(const struct object_config *config);

/* How a plan is made. */
enum due_mode {
    DUE_BY_INTERVAL,
    DUE_SAFETY_NET, /* the same, and what is stored is looked at: a type with rows older than its threshold is due */
    DUE_EVERYTHING  /* asked for by hand: intervals do not matter */
};

struct due_entry {
    int config; /* index into the configs */
    enum due due;
};
/* All types in the order in which they are to be synced: what is depended on first, then by priority; types in a cycle
 * are DUE_CYCLE and come last. Returns n. */
int due_plan(const struct object_config *configs, int n, enum due_mode mode, struct due_entry out[OBJECT_TYPES_MAX]);

/* Does `type` depend on `on`, directly or over others? */
bool due_depends(const struct object_config *configs, int n, const char *type, const char *on);

#endif
