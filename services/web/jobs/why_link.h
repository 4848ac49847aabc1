/* Asking why (services/why/gather.h) for a request. */
#ifndef LOGIKALD_SERVICES_WEB_JOBS_WHY_LINK_H
#define LOGIKALD_SERVICES_WEB_JOBS_WHY_LINK_H

#include "services/web/http/req.h"
#include "services/why/gather.h"

/* then is called once, unless the request ends before. */
void why_link_ask(struct req *r, const char *of, bool objects_only,
                  void (*then)(struct req *r, const struct why_answer *answer));

#endif
