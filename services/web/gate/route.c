/* The one table of operations (routes.def): it routes requests, says who may, checks parameters and bodies, and is
 * printed as /openapi.json. See route.h. */
#include "services/web/gate/route.h"

#include <stdio.h>
#include <string.h>

#include "conf/text/hash.h"
#include "services/web/cache/list.h"
#include "services/web/gate/auth.h"
#include "services/web/gate/body.h"
#include "services/web/gate/origin/cors.h"
#include "services/web/gate/dry_run.h"
#include "services/web/gate/handlers.h"
#include "services/web/gate/limiter.h"
#include "services/web/gate/pattern.h"
#include "services/web/gate/query_check.h"
#include "services/web/http/period.h"
#include "services/web/http/reply.h"
#include "services/web/http/req.h"

/* What clients of the replaced system send to reach the upstream; only the token matters here (upstream_token.h). */
#define UPSTREAM_QUERY "token?:string(..255), base_url?:string(..1024)"

const struct route routes[] = {
#define R(method, path, access, limits, handler, query, body, response, summary)                                       \
    RS(method, path, access, limits, handler, handler, query, body, response, summary)
#define RS(method, path, access, limits, id, handler, query, body, response, summary)                                  \
    {EVHTTP_REQ_##method, path, ACCESS_##access, LIMITS_##limits, web_##handler, query, body, response, #id, summary},
#include "services/web/gate/routes.def"
#undef R
#undef RS
};
const int routes_count = sizeof routes / sizeof *routes;

/* ---- finding ---- */

static bool matches(struct req *r, const char *pattern)
{
    struct framing_text params[PATTERN_PARAMS_MAX];
    int n = 0;
    if (!pattern_matches(pattern, (struct framing_text){r->path, strlen(r->path)}, params, &n)) return false;
    for (int i = 0; i < n; i++)
        if (!req_decode(r, params[i].text, params[i].len, &r->params[i])) return false;
    return true;
}

static const char *method_name(enum evhttp_cmd_type method)
{
    return method == EVHTTP_REQ_GET      ? "GET, HEAD"
           : method == EVHTTP_REQ_POST   ? "POST"
           : method == EVHTTP_REQ_PUT    ? "PUT"
           : method == EVHTTP_REQ_DELETE ? "DELETE"
                                         : "PATCH";
}

/* What a path of this route begins with, without the last character: a slash at the end may be missing. */
static size_t fixed_length(const struct route *t)
{
    static unsigned char lengths[sizeof routes / sizeof *routes]; /* 0: not yet measured */
    unsigned char *length = &lengths[t - routes];
    if (*length == 0) {
        size_t fixed = strcspn(t->path, "{");
        *length = (unsigned char)(fixed > 1 ? fixed - 1 : fixed);
    }
    return *length;
}

/* ---- paths without parameters, by their hash ---- */

#define PLAIN_SLOTS 512 /* far more than there are routes */

static const struct route **plain_slot(enum evhttp_cmd_type method, const char *path)
{
    static const struct route *slots[PLAIN_SLOTS];
    size_t at = (size_t)(hash_text(path) + method) % PLAIN_SLOTS;
    while (slots[at] && (slots[at]->method != method || strcmp(slots[at]->path, path) != 0))
        at = (at + 1) % PLAIN_SLOTS;
    return &slots[at];
}

/* The first of the table that matches is the one that counts: those before it with a parameter, too. */
static bool is_first(const struct route *wanted)
{
    struct framing_text path = {wanted->path, strlen(wanted->path)}, params[PATTERN_PARAMS_MAX];
    int n;
    for (const struct route *t = routes; t < wanted; t++)
        if (t->method == wanted->method && pattern_matches(t->path, path, params, &n)) return false;
    return true;
}

static const struct route *plain_find(enum evhttp_cmd_type method, const char *path)
{
    static bool is_filled;
    _Static_assert(sizeof routes / sizeof *routes * 2 < PLAIN_SLOTS, "the slots of plain paths are too few");
    for (const struct route *t = routes; !is_filled && t < routes + routes_count; t++)
        if (!strchr(t->path, '{') && is_first(t)) *plain_slot(t->method, t->path) = t;
    is_filled = true;
    return *plain_slot(method, path);
}

/* ---- all ---- */

/* Finds the route, fills r->route and r->params. 0, 404, or 405 with the allowed methods in allow. */
static int route_find(struct req *r, char *allow, size_t size)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(r->ev);
    if (method == EVHTTP_REQ_HEAD) method = EVHTTP_REQ_GET;
    snprintf(allow, size, "OPTIONS");
    int status = 404;
    size_t len = strlen(r->path);
    if ((r->route = plain_find(method, r->path)) != NULL) {
        r->query_schema = r->route->query;
        return 0;
    }
    for (const struct route *t = routes; t < routes + routes_count; t++) {
        size_t fixed = fixed_length(t);
        if (memcmp(t->path, r->path, fixed < len ? fixed : len) != 0 || !matches(r, t->path)) continue;
        if (t->method == method) {
            r->route = t;
            r->query_schema = t->query;
            return 0;
        }
        status = 405;
        size_t used = strlen(allow);
        if (!strstr(allow, method_name(t->method))) snprintf(allow + used, size - used, ", %s", method_name(t->method));
    }
    return status;
}

/* ---- what a route is ---- */

bool route_takes_forms(const struct route *t)
{
    return t->method == EVHTTP_REQ_POST && strcmp(t->response, "html") == 0;
}

bool route_is_for_people(const struct route *t)
{
    return strcmp(t->response, "html") == 0 || strncmp(t->path, "/ui/", 4) == 0;
}

/* Strangers send no more than a login; what leads nowhere is told so, however much of it there is. */
int64_t route_body_max(const struct web *web, struct framing_text method, struct framing_text path, struct refusal *why)
{
    static const char *const methods[] = {[EVHTTP_REQ_GET] = "GET",
                                          [EVHTTP_REQ_POST] = "POST",
                                          [EVHTTP_REQ_PUT] = "PUT",
                                          [EVHTTP_REQ_DELETE] = "DELETE",
                                          [EVHTTP_REQ_PATCH] = "PATCH"};
    int64_t most = conf_int(web->conf, SET_HTTP_MAX_BODY), least = most < OPEN_BODY_MAX ? most : OPEN_BODY_MAX;
    struct framing_text params[PATTERN_PARAMS_MAX];
    bool is_there = false;
    for (const struct route *t = routes; t < routes + routes_count; t++) {
        int n;
        if (!pattern_matches(t->path, path, params, &n)) continue;
        is_there = true;
        const char *name = methods[t->method];
        if (strlen(name) != method.len || memcmp(name, method.text, method.len) != 0) continue;
        return t->access == ACCESS_OPEN || !*t->body ? least : most;
    }
    if (!is_there) *why = (struct refusal){404, "Not Found"};
    return least;
}

/* ---- the way ---- */

static void with_limits(struct req *r)
{
    if (query_check(r) && period_check(r, r->route->query) && body_check(r) && dry_run_check(r)) r->route->handler(r);
}

static void with_permission(struct req *r)
{
    if (auth_permits(r)) with_limits(r);
}

static void with_identity(struct req *r)
{
    limiter_check(r, with_permission);
}

static void nowhere(struct req *r)
{
    char allow[128];
    if (route_find(r, allow, sizeof allow) == 404) {
        reply_detail(r, 404, "Not Found");
    } else {
        reply_header(r, "Allow", allow);
        reply_detail(r, 405, "Method Not Allowed");
    }
}

void route_request(struct req *r)
{
    char allow[128];
    int status = route_find(r, allow, sizeof allow);
    if (status != 404 && evhttp_request_get_command(r->ev) == EVHTTP_REQ_OPTIONS) {
        cors_preflight(r, allow);
    } else if (status != 0) {
        limiter_check(r, nowhere);
    } else if (r->route->access == ACCESS_OPEN && r->route->limits == LIMITS_FREE) {
        with_limits(r);
    } else {
        auth_identify(r, with_identity);
    }
}
