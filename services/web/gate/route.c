/* The way of a request through the table: see route.h. */
#include "services/web/gate/route.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

#include "services/web/cache/list.h"
#include "services/web/gate/auth.h"
#include "services/web/gate/cors.h"
#include "services/web/gate/handlers.h"
#include "services/web/gate/limiter.h"
#include "services/web/http/reply.h"
#include "services/web/http/req.h"
#include "services/web/http/schema.h"
#include "services/web/http/server.h"

#define JSON_DEPTH_MAX 32

/* What clients of the replaced system send to reach the upstream; only the token matters here (upstream.h). */
#define UPSTREAM_QUERY "token?:string(..255), base_url?:string(..1024)"

const struct route routes[] = {
#define R(method, path, access, limits, handler, query, body, response, summary)                                       \
    {EVHTTP_REQ_##method, path, access, limits, web_##handler, query, body, response, #handler, summary},
#include "services/web/gate/routes.def"
#undef R
};
const int routes_count = sizeof(routes) / sizeof(*routes);

/* ---- finding ---- */

/* Matches path (percent-encoded) against pattern; a trailing slash more or less does not matter. */
static bool matches(struct req *r, const char *pattern, const char *path)
{
    int n = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern == '/' && !pattern[1] && !*path) return true;
            if (*pattern++ != *path++) return false;
            continue;
        }
        const char *name_end = strchr(pattern, '}');
        bool is_number = name_end - pattern > 4 && strncmp(name_end - 4, ":int", 4) == 0;
        bool is_rest = name_end - pattern > 5 && strncmp(name_end - 5, ":path", 5) == 0;
        size_t len = is_rest ? strlen(path) : strcspn(path, "/");
        if (len == 0 || n == REQ_PARAMS_MAX || (is_number && (len > 9 || strspn(path, "0123456789") != len)))
            return false;
        if (!req_decode(r, path, len, &r->params[n++])) return false;
        path += len;
        pattern = name_end + 1;
    }
    return !*path || (path[0] == '/' && !path[1]);
}

static const char *method_name(enum evhttp_cmd_type method)
{
    return method == EVHTTP_REQ_GET      ? "GET, HEAD"
           : method == EVHTTP_REQ_POST   ? "POST"
           : method == EVHTTP_REQ_PUT    ? "PUT"
           : method == EVHTTP_REQ_DELETE ? "DELETE"
                                         : "PATCH";
}

int route_find(struct req *r, char *allow, size_t size)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(r->ev);
    if (method == EVHTTP_REQ_HEAD) method = EVHTTP_REQ_GET;
    snprintf(allow, size, "OPTIONS");
    int status = 404;
    for (const struct route *t = routes; t < routes + routes_count; t++) {
        size_t fixed = strcspn(t->path, "{");
        if (strncmp(t->path, r->path, fixed > 1 ? fixed - 1 : fixed) != 0 || !matches(r, t->path, r->path)) continue;
        if (t->method == method) {
            r->route = t;
            r->query_schema = t->query;
            return 0;
        }
        status = 405;
        size_t used = strlen(allow);
        snprintf(allow + used, size - used, ", %s", method_name(t->method));
    }
    return status;
}

/* ---- checking ---- */

static bool check_query(struct req *r)
{
    struct schema_member m;
    struct schema_fault fault;
    for (const char *at = NULL; schema_next(r->route->query, &at, &m);) {
        const char *text = evhttp_find_header(&r->query, m.name);
        if (!text && !m.is_optional) {
            reply_invalid(r, "query", m.name, "missing", "Field required");
            return false;
        }
        if (text && schema_check_text(r->route->query, m.name, text, &fault) != 0) {
            reply_invalid(r, "query", m.name, fault.type, fault.msg);
            return false;
        }
    }
    return true;
}

/* A form becomes an object of strings. */
static cJSON *parse_form(const char *text)
{
    struct evkeyvalq form;
    TAILQ_INIT(&form);
    cJSON *out = cJSON_CreateObject();
    if (evhttp_parse_query_str(text, &form) == 0)
        for (struct evkeyval *kv = form.tqh_first; kv; kv = kv->next.tqe_next)
            cJSON_AddStringToObject(out, kv->key, kv->value);
    evhttp_clear_headers(&form);
    return out;
}

static bool is_too_deep(const char *text)
{
    int depth = 0;
    for (; *text; text++) {
        if (*text == '"')
            for (text++; *text && *text != '"'; text++)
                if (*text == '\\' && text[1]) text++;
        if (!*text) return false;
        if (*text == '{' || *text == '[') depth++;
        if (*text == '}' || *text == ']') depth--;
        if (depth > JSON_DEPTH_MAX) return true;
    }
    return false;
}

bool route_takes_forms(const struct route *t)
{
    return t->method == EVHTTP_REQ_POST && strcmp(t->response, "html") == 0;
}

static bool check_body(struct req *r)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(r->ev);
    size_t len = evbuffer_get_length(input);
    const char *schema = r->route->body;
    if (!*schema) return true;
    char *text = req_alloc(r, len + 1);
    evbuffer_copyout(input, text, len);
    bool is_optional = *schema == '?';
    schema += is_optional;
    if (is_optional && strspn(text, " \r\n\t") == len) return true;
    bool is_form = req_body_is_form(r) && route_takes_forms(r->route);
    if (!is_form && !req_body_is_json(r)) {
        reply_detail(r, 415, "The body must be application/json");
        return false;
    }
    const char *end = NULL;
    if (is_form)
        r->body = parse_form(text);
    else if (strlen(text) == len && !is_too_deep(text))
        r->body = cJSON_ParseWithOpts(text, &end, 1);
    struct schema_fault fault;
    if (!r->body)
        reply_invalid(r, "body", "", "json_invalid", "The body is not valid JSON (or nested too deeply)");
    else if (schema_check(schema, r->body, &fault) != 0)
        reply_invalid(r, "body", fault.where, fault.type, fault.msg);
    else
        return true;
    return false;
}

static bool headers_fit(struct req *r)
{
    size_t total = strlen(evhttp_request_get_uri(r->ev));
    struct evkeyvalq *headers = evhttp_request_get_input_headers(r->ev);
    for (struct evkeyval *kv = headers->tqh_first; kv; kv = kv->next.tqe_next)
        total += strlen(kv->key) + strlen(kv->value) + 4;
    return total <= (size_t)conf_int(r->web->conf, SET_HTTP_MAX_HEADERS);
}

/* ---- the way ---- */

static void with_limits(struct req *r)
{
    if (check_query(r) && check_body(r)) r->route->handler(r);
}

static void with_identity(struct req *r)
{
    if (auth_permits(r)) limiter_check(r, with_limits);
}

void route_request(struct req *r)
{
    char allow[128];
    if (server_is_full(r->web->server)) {
        reply_unavailable(r, 1, "Too many connections");
        return;
    }
    if (!headers_fit(r)) {
        reply_detail(r, 431, "The request line and headers are larger than %lld bytes",
                     (long long)conf_int(r->web->conf, SET_HTTP_MAX_HEADERS));
        return;
    }
    int status = route_find(r, allow, sizeof(allow));
    if (status != 404 && evhttp_request_get_command(r->ev) == EVHTTP_REQ_OPTIONS) {
        cors_preflight(r, allow);
    } else if (status == 404) {
        reply_detail(r, 404, "Not Found");
    } else if (status == 405) {
        reply_header(r, "Allow", allow);
        reply_detail(r, 405, "Method Not Allowed");
    } else if (r->route->access == OPEN && r->route->limits == FREE) {
        with_limits(r);
    } else {
        auth_identify(r, with_identity);
    }
}
