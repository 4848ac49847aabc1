/* A page of messages, as fetch.lua gives it: each is judged. Malformed, unknown, revoked, expired, too early, delivered
 * too often - or ready to run. What arrives after the worker was told to stop goes back at once, and what was taken
 * under an epoch that is over belongs to others. */
#ifndef LOGIKALD_SERVICES_WORKER_DISPATCH_INTAKE_H
#define LOGIKALD_SERVICES_WORKER_DISPATCH_INTAKE_H

#include "services/worker/worker.h"

struct page {
    int64_t due_ms;    /* until the next scheduled message is due; -1 = none */
    long long paused;  /* bits, in the order in which the queues were named */
    const char *other; /* a list that is not served here and has something due; "" = none */
    bool has_left;     /* a message was left where it is for its size */
    size_t count;
    const redisReply *places, *histories, *messages; /* as fetch.lua has them */
};

bool page_read(const redisReply *reply, struct page *out); /* false: it is none, the epoch is over */
const char *page_last_queue(const struct page *page);      /* of one that is not empty */
/* epoch: under which it was asked for. tag: the number of the first message. */
void intake_take(struct worker *w, const struct page *page, const char *epoch, int64_t tag);

#endif
