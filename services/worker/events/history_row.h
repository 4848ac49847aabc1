/* One end of a delivery as it is kept: taken from the delivery at once, put into words when it is written. */
#ifndef LOGIKALD_SERVICES_WORKER_EVENTS_HISTORY_ROW_H
#define LOGIKALD_SERVICES_WORKER_EVENTS_HISTORY_ROW_H

#include "conf/text/buf.h"
#include "services/worker/delivery.h"

struct history_row {
    TAILQ_ENTRY(history_row) link;
    size_t bytes; /* all of it */
    const char *state;
    char *id, *name, *queue, *parent, *root, *group, *why;
    char *body; /* NULL: not kept, for the reason that arguments tells */
    const char *arguments;
    char *result; /* the object as Celery stores it; NULL: none, or too large */
    int64_t result_bytes;
    int try_number, delivery;
    int64_t received_us, ended_us, run_us; /* run_us negative: it did not run to an end */
};

/* why: NULL = as its outcome says. NULL without memory. */
struct history_row *history_row_new(const struct delivery *d, const char *state, const char *why);
void history_row_free(struct history_row *r);
/* As query_history_write takes it; secrets are masked. */
void history_row_print(struct buf *out, const struct history_row *r, const char *worker);

#endif
