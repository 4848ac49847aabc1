/* The words of a call of finish.lua, and its answer. */
#ifndef LOGIKALD_SERVICES_WORKER_SETTLE_FINISH_CALL_H
#define LOGIKALD_SERVICES_WORKER_SETTLE_FINISH_CALL_H

#include "ipc/redis/script_call.h"
#include "services/worker/delivery.h"

/* slot -1: the answer is not kept (states before the end); else batch names what is done in it. marks: finish.lua's. */
void finish_call_begin(struct worker *w, struct script_call *c, int slot, const char *batch, const char *marks);
/* Items; what they point to must live until the call has been made. */
void finish_call_outcome(struct worker *w, struct script_call *c, const struct delivery *d);
void finish_call_send(struct script_call *c, const char *tag, bool is_value, const char *list, const char *raw,
                      size_t len);
void finish_call_state(struct worker *w, struct script_call *c, const struct delivery *d, const char *mark,
                       const char *json); /* one of the two may be NULL */

size_t finish_call_size(const struct delivery *d); /* bytes that its outcome adds */
/* {digits, why a result was not told, why an item was not done}: a digit for each of count items. */
bool finish_call_is_answer(const redisReply *r, size_t count);

#endif
