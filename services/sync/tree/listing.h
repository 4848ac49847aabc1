/* A list of the upstream on its way into the stage: a client's job with the number of its listing. Elements that cannot
 * be read are counted and noted, and leave the rest alone. Used by the rooms tree and project. */
#ifndef LOGIKALD_SERVICES_SYNC_TREE_LISTING_H
#define LOGIKALD_SERVICES_SYNC_TREE_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "services/logikal/objects.h"
#include "services/sync/run/run.h"

struct listing {
    struct logikal_job job;
    struct sync_run *run;
    int64_t number;
    int64_t staged;  /* rows in the stage */
    int64_t refused; /* elements that could not be read */
    /* Reads one element and stages it: 0, -ERR_INPUT when the element is to be refused, else what ends the run. */
    int (*read)(struct listing *l, const char *text, size_t len, struct err *err);
    void (*forget)(struct listing *l); /* beside the staged rows; may be NULL */
    /* The list has come to its end; the listing is freed afterwards. */
    void (*done)(struct listing *l, const struct logikal_outcome *outcome);
    void *owner;
    int64_t tag; /* the owner's */
};

/* Tells what is odd about an object: each member once a run. */
void listing_odd(struct listing *l, const char *kind, const char *id, const struct logikal_odd *odd);

/* A listing of a kind at a place; NULL without memory. listing_submit hands it to the client. */
struct listing *listing_new(struct sync_run *run, enum job_kind kind, const char *chain, const char *project,
                            const char *phase);
void listing_submit(struct listing *l);
void listing_drop(struct listing *l); /* instead of submitting it */

#endif
