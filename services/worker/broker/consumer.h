/* Messages in. One fetch (fetch.lua) at a time takes as many as there is room for; what comes is judged in intake. When
 * the queues are empty, one connection per queue waits in the server (BLMOVE of a list's end onto itself: it changes
 * nothing and returns as soon as there is something) with a small fetch behind it, so that messages come with the
 * wake-up; and a slow poll looks at the priority lists and at what has become due. */
#ifndef LOGIKALD_SERVICES_WORKER_BROKER_CONSUMER_H
#define LOGIKALD_SERVICES_WORKER_BROKER_CONSUMER_H

#include "services/worker/worker.h"

int consumer_open(struct worker *w, struct err *err);
void consumer_close(struct worker *w);
/* fn is called when Redis does not know the epoch, on_lost when messages may have been taken that will not arrive, and
 * may_fetch tells whether there is an epoch. */
void consumer_on_doubt(struct worker *w, void (*fn)(struct worker *w), void (*on_lost)(struct worker *w),
                       bool (*may_fetch)(const struct worker *w));
void consumer_wake(struct worker *w); /* something may have changed: fetch when there is room */
void consumer_stop(struct worker *w); /* fetches no more */
void consumer_cut(struct worker *w);  /* the connection broke */
bool consumer_is_fetching(const struct worker *w);
/* A message with this tag may be on its way on a connection that waits. */
bool consumer_may_bring(const struct worker *w, const char *tag);

int consumer_add_queue(struct worker *w, const char *name, struct err *err);
int consumer_drop_queue(struct worker *w, const char *name);
int consumer_queue_count(const struct worker *w);
const char *consumer_queue(const struct worker *w, int i);

#endif
