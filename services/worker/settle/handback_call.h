/* The words of a call of handback.lua; and what is left of a worker that is gone, given back in such calls. */
#ifndef LOGIKALD_SERVICES_WORKER_SETTLE_HANDBACK_CALL_H
#define LOGIKALD_SERVICES_WORKER_SETTLE_HANDBACK_CALL_H

#include "ipc/redis/script_call.h"
#include "services/worker/worker.h"

/* owner: whose messages; is_dead: when nothing is left of them, its registration goes, too. */
void handback_call_begin(struct worker *w, struct script_call *c, const char *owner, bool is_dead);
/* counts: a letter as in handback.lua. */
void handback_call_add(struct script_call *c, const char *tag, const char *list, char counts, int64_t delay_ms,
                       bool is_known);

/* What a worker held that is dead, or that leaves (then nothing counts): tag, mark and list ... fn gets how many went
 * back; negative = Redis did not do it. */
void handback_all_of(struct worker *w, const char *owner, const redisReply *held, bool counts,
                     void (*fn)(struct worker *w, int64_t back));

#endif
