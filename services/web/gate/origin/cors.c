/* Headers of cross-origin answers for the origins of CORS_ORIGINS. */
#include "services/web/gate/origin/cors.h"

#include <string.h>

#include "services/web/http/reply.h"

/* list: comma separated, or a JSON list of strings; "*" allows all. */
static bool cors_allows(const char *list, const char *origin)
{
    size_t len = strlen(origin);
    for (const char *p = list; *p;) {
        p += strspn(p, " ,[]\"");
        size_t n = strcspn(p, " ,[]\"");
        if ((n == 1 && *p == '*') || (n == len && n > 0 && strncmp(p, origin, n) == 0)) return true;
        p += n;
    }
    return false;
}

void cors_headers(struct req *r)
{
    const char *origin = req_header(r, "Origin"), *list = conf_str(r->web->conf, SET_CORS_ORIGINS);
    if (!*list) return;
    reply_header(r, "Vary", "Origin");
    if (!origin || !cors_allows(list, origin)) return;
    reply_header(r, "Access-Control-Allow-Origin", origin);
    reply_header(r, "Access-Control-Expose-Headers",
                 "ETag, Link, Retry-After, X-Request-ID, X-RateLimit-Limit, X-RateLimit-Remaining");
}

void cors_preflight(struct req *r, const char *allow)
{
    reply_header(r, "Allow", allow);
    if (req_header(r, "Access-Control-Request-Method")) {
        reply_header(r, "Access-Control-Allow-Methods", allow);
        reply_header(r, "Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, X-Request-ID");
        reply_header(r, "Access-Control-Max-Age", "600");
    }
    reply_empty(r, 204);
}
