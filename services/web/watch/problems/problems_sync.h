/* The part of the verdict that is about the copy itself: failed, partial, stale and held syncs, Logikal's answers. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_PROBLEMS_PROBLEMS_SYNC_H
#define LOGIKALD_SERVICES_WEB_WATCH_PROBLEMS_PROBLEMS_SYNC_H

#include "services/web/watch/problems/problem.h"

/* After all other judges: what is stale is told as what their problems hit. */
void judge_sync(struct findings *f, const cJSON *facts);
/* "10 000 elevations, read 6 min ago": the age is the oldest type's. */
const char *sync_fresh_text(const cJSON *sync, char *out, size_t size);

#endif
