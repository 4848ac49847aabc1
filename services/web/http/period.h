/* From when to when something is asked for. What lies wholly ahead, or begins behind its end, holds nothing: an empty
 * answer would look as if nothing had happened. So it is refused (422), with what to do. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_PERIOD_H
#define LOGIKALD_SERVICES_WEB_HTTP_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

#include "services/web/http/req.h"

#define PERIOD_AHEAD_S 60 /* of another clock that is fast: taken for now */

/* One time, and the argument that it comes from (where: "query" or "body"): has it been? False: it is answered. */
bool period_has_begun(struct req *r, const char *where, const char *name, int64_t unix_us);

/* A beginning and an end by the names of their arguments, as ISO 8601; NULL or "" = open. False: it is answered. */
struct period_end {
    const char *name, *time;
};
bool period_is_right(struct req *r, struct period_end from, struct period_end to);

/* The same of the query: whatever in its schema (schema.h) is called from and to, since and until, or updated_since,
 * and is a time. */
bool period_check(struct req *r, const char *schema);

#endif
