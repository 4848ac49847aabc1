/* Requests of the clients, and what may come of them. */
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "tests/load/client.h"

const char *client_token(struct load_client *c, enum who who)
{
    return who == STRANGER ? NULL : who == CLIENT ? c->load->client : c->load->admin;
}

static bool may_have(const struct call *call)
{
    return call->access == FOR_ALL || call->who == ADMIN || (call->access == FOR_CLIENTS && call->who == CLIENT);
}

/* Why this answer must not be seen; NULL when it may: an answer, by those who may have it; a way to the login page, 401
 * or 403 for those who may not (and 401 for a token that a stepping clock has outrun); a 5xx with its reason. */
static const char *objection(const struct load_client *c, const struct call *call, int status, const char *body)
{
    if (status >= 500) return strstr(body, "detail") || strstr(call->path, "health") ? NULL : "without a reason";
    if (status == 304) return may_have(call) && call->if_none_match ? NULL : "but no ETag was sent";
    if (status >= 200 && status < 300) return may_have(call) ? NULL : "it is not theirs";
    if (status == 404 && call->may_be_gone && !c->load->is_strict) return NULL;
    if (status == 400 && call->may_fail && !c->load->is_strict)
        return strstr(body, "_FAILED") ? NULL : "without a reason";
    if (!may_have(call) && (status == 401 || status == 303 || status == 302)) return NULL;
    if (status == 401 && call->access != FOR_ALL && !c->load->is_strict) return NULL;
    if (status == 403 && call->who == CLIENT && call->access == FOR_ADMINS) return NULL;
    return "out of place";
}

bool client_judge(struct load_client *c, const struct call *call, int status, const char *body)
{
    static const char *const names[] = {"a stranger", "a client", "an administrator"};
    const char *why = objection(c, call, status, body);
    if (status) atomic_fetch_add(&c->count->answered, 1);
    bool waits = status == 503 && call->may_wait && strstr(body, "arts list") != NULL;
    if ((status >= 500 && !waits) || (status == 400 && call->may_fail)) atomic_fetch_add(&c->count->refused, 1);
    if (why)
        client_complain(c, "%s %s for %s: %d, %s: %.200s", call->method, call->path, names[call->who], status, why,
                        body);
    return !why && ((status >= 200 && status < 300) || status == 304);
}

struct http_reply client_call(struct load_client *c, const struct call *call)
{
    char url[1200], bearer[1200], match[200];
    const char *headers[4] = {NULL}, *token = client_token(c, call->who);
    int n = 0, port = atomic_load(&c->load->shared->port);
    if (!port) return (struct http_reply){0};
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, call->path);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token ? token : "");
    snprintf(match, sizeof match, "If-None-Match: %s", call->if_none_match ? call->if_none_match : "");
    if (token) headers[n++] = bearer;
    if (call->if_none_match) headers[n++] = match;
    if (call->body) headers[n++] = "Content-Type: application/json";
    int64_t begin = mono_us();
    struct http_reply reply = http_request(call->method, url, headers, call->body);
    int64_t took = mono_us() - begin;
    if (reply.status == 0)
        atomic_fetch_add(&c->count->broken, port == atomic_load(&c->load->shared->port));
    else if (client_judge(c, call, reply.status, reply.body))
        client_served(c, took);
    return reply;
}

cJSON *client_json(struct load_client *c, const struct call *call)
{
    struct http_reply reply = client_call(c, call);
    cJSON *json = reply.status >= 200 && reply.status < 300 ? cJSON_Parse(reply.body) : NULL;
    if (!json && reply.status >= 200 && reply.status < 300)
        client_complain(c, "%s %s: %d is not JSON: %.200s", call->method, call->path, reply.status, reply.body);
    http_reply_free(&reply);
    return json;
}
