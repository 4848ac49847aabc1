/* A request's body read as its type says, and checked against the operation's schema. */
#include "services/web/gate/body.h"

#include <math.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

#include "conf/text/utf8.h"
#include "services/web/gate/route.h"
#include "services/web/http/message/query.h"
#include "services/web/http/reply.h"
#include "services/web/http/schema/schema.h"

#define JSON_DEPTH_MAX 32
#define MEMBERS_MAX    64 /* of an object */

/* A form becomes an object of strings. */
static cJSON *parse_form(const char *text)
{
    struct evkeyvalq form;
    TAILQ_INIT(&form);
    cJSON *out = cJSON_CreateObject();
    if (query_parse(text, &form))
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

/* U+0000 ends every text of C: what stands behind it would be lost without a word. */
static bool has_nul(const char *text)
{
    for (const char *p = text; (p = strchr(p, '\\')) != NULL; p += 2) {
        if (!p[1]) return false;
        if (strncmp(p + 1, "u0000", 5) == 0) return true;
    }
    return false;
}

/* The name of a member that stands there twice, or too late to be looked for; NULL = none. */
static const char *double_member(const cJSON *object)
{
    int n = 0;
    for (const cJSON *m = object->child; m; m = m->next) {
        if (++n > MEMBERS_MAX) return m->string;
        for (const cJSON *o = object->child; o != m; o = o->next)
            if (strcmp(o->string, m->string) == 0) return m->string;
    }
    return NULL;
}

/* What could be read in two ways, or not as it is written; depth is bounded by is_too_deep. */
static const char *unclear(const cJSON *value)
{
    if (cJSON_IsNumber(value) && !isfinite(value->valuedouble)) return "A number is too large";
    if (cJSON_IsObject(value) && double_member(value))
        return "A member stands there twice, or there are more than 64 of them";
    if (!cJSON_IsObject(value) && !cJSON_IsArray(value)) return NULL;
    for (const cJSON *each = value->child; each; each = each->next) {
        const char *why = unclear(each);
        if (why) return why;
    }
    return NULL;
}

/* Packed it would be no JSON, and the fault be looked for where it is not. Clients also write there what is no packing
 * ("utf-8"), and send their JSON as it is. */
static bool is_packed(const struct req *r)
{
    static const char *const packings[] = {"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd"};
    const char *coding = req_header(r, "Content-Encoding");
    for (size_t len; coding && *coding; coding += len + strspn(coding + len, ", \t")) {
        len = strcspn(coding, ", \t");
        for (size_t i = 0; i < sizeof packings / sizeof *packings; i++)
            if (strlen(packings[i]) == len && strncasecmp(coding, packings[i], len) == 0) return true;
    }
    return false;
}

bool body_check(struct req *r)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(r->ev);
    size_t len = evbuffer_get_length(input);
    const char *schema = r->route->body;
    if (!*schema || *schema == '=') return true; /* a form that the handler reads */
    char *text = req_alloc(r, len + 1);
    evbuffer_copyout(input, text, len);
    bool is_optional = *schema == '?';
    schema += is_optional;
    if (is_optional && strspn(text, " \r\n\t") == len) return true;
    if (is_packed(r)) {
        reply_detail(r, 415, "The body must come as it is: no Content-Encoding is taken");
        return false;
    }
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
    const char *why = is_form || !r->body         ? NULL
                      : !utf8_is_valid(text, len) ? "It is not UTF-8"
                      : has_nul(text)             ? "A text has U+0000 in it"
                                                  : unclear(r->body);
    if (!r->body)
        reply_invalid(r, "body", "", "json_invalid", "The body is not valid JSON (or nested too deeply)");
    else if (why)
        reply_invalid(r, "body", "", "json_invalid", why);
    else if (schema_check(schema, r->body, &fault) != 0)
        reply_invalid(r, "body", fault.where, fault.type, fault.msg);
    else
        return true;
    return false;
}
