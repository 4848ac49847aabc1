/* Rate limits per client and per address. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_LIMITER_H
#define LOGIKALD_SERVICES_WEB_GATE_LIMITER_H

#include "services/web/http/req.h"

struct limiter *limiter_new(struct web *web); /* NULL without memory */
void limiter_free(struct limiter *l);         /* NULL is fine */

/* Counts the request; goes on with next, or answers 429 with Retry-After. */
void limiter_check(struct req *r, void (*next)(struct req *r));

#endif
