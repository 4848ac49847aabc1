/* The one table of operations (routes.def): it routes requests, says who may, checks parameters and bodies, and is
 * printed as /openapi.json. Adding an operation means adding a row and its handler. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_ROUTE_H
#define LOGIKALD_SERVICES_WEB_GATE_ROUTE_H

#include <event2/http.h>

#include "services/web/http/message/framing.h"
#include "services/web/http/req.h"

#define OPEN_BODY_MAX 8192 /* of operations that are open to everybody */

/* Who may. An admin session may everything; a client what its permissions say. */
enum access {
    ACCESS_OPEN,       /* everybody */
    ACCESS_ANY,        /* any client, any admin */
    ACCESS_PROJECTS,   /* clients with projects:read */
    ACCESS_ELEVATIONS, /* clients with elevations:read */
    ACCESS_JOURNAL,    /* clients with both */
    ACCESS_HOOKS,      /* clients with both and webhooks:manage */
    ACCESS_SYNC,       /* clients with sync:write */
    ACCESS_ADMIN_READ, /* clients with admin:read */
    ACCESS_METRICS,    /* the same, and whoever has METRICS_TOKEN */
    ACCESS_ADMIN,      /* an admin session, and with a cookie a CSRF token for changes */
    ACCESS_PAGE        /* an admin session; without one the answer leads to the login page */
};

/* Limits. */
enum route_limits {
    LIMITS_FREE,   /* never counted: health, files */
    LIMITS_CACHED, /* the client's rate limits, unless it is answered 200 */
    LIMITS_PACED,  /* the client's rate limits */
    LIMITS_LOGIN   /* and the throttle of logins */
};

struct route {
    enum evhttp_cmd_type method;
    const char *path; /* "/api/v1/odoo/projects/{project_id}"; {name:int} takes only digits */
    enum access access;
    enum route_limits limits;
    void (*handler)(struct req *r);
    const char *query, *body, *response; /* schemas (schema.h); "" = none; a response of "html", "text" is no JSON */
    const char *name;                    /* the operation's id */
    const char *summary;
};

extern const struct route routes[];
extern const int routes_count;

/* A body of the type of a HTML form is taken only where one of our pages has such a form. */
bool route_takes_forms(const struct route *t);

/* A page, or a file that one of our pages offers: a browser gets its refusals as pages. */
bool route_is_for_people(const struct route *t);

/* For the server: the largest body for this operation; with why, how a larger one is refused. */
int64_t route_body_max(const struct web *web, struct framing_text method, struct framing_text path,
                       struct refusal *why);
/* The whole way of a request: route, who, limits, parameters, body, handler. */
void route_request(struct req *r);

#endif
