/* Rate limits per client and per address. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_LIMITER_H
#define LOGIKALD_SERVICES_WEB_GATE_LIMITER_H

#include "services/web/http/req.h"

struct limiter *limiter_new(struct web *web); /* NULL without memory */
void limiter_free(struct limiter *l);         /* NULL is fine */

/* Before it costs a statement to find out who asks: counts the request for its address. False: it was answered 429. */
bool limiter_admits(struct req *r);
/* Counts the request, unless that was for the same; goes on with next, or answers 429 with Retry-After. What will be
 * refused counts as well. Of a known client what may turn out to cost next to nothing (LIMITS_CACHED, If-None-Match)
 * is refused like the rest when the limit is used up, and counts when it is answered. */
void limiter_check(struct req *r, void (*next)(struct req *r));
/* When the status is known, before the headers leave: counts what has waited for it, unless it is a 304 or a stored
 * image, and tells what is left of the limit. */
void limiter_answer(struct req *r);

#endif
