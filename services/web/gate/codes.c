/* The codes of codes.def put in place of a refusal's text. */
#include "services/web/gate/codes.h"

#include <string.h>

#include "conf/text/buf.h"
#include "services/web/gate/route.h"
#include "services/web/http/reply.h"

struct known_code {
    const char *operation;
    int status;
    const char *instead_of, *code, *message;
};
static const struct known_code table[] = {
#define K(handler, status, instead_of, code, message) {#handler, status, instead_of, code, message},
#include "services/web/gate/codes.def"
#undef K
};

static bool is_failure(const struct known_code *k)
{
    size_t len = strlen(k->code);
    return len > 7 && strcmp(k->code + len - 7, "_FAILED") == 0;
}

/* text NULL: whatever it is. */
static const struct known_code *find(const struct req *r, int status, const char *text)
{
    const struct known_code *failure = NULL;
    for (const struct known_code *k = table; r->route && k < table + sizeof table / sizeof *table; k++) {
        if (strcmp(k->operation, r->route->name) != 0) continue;
        if (k->status == status && (!text || !*k->instead_of || strcmp(k->instead_of, text) == 0)) return k;
        if (is_failure(k)) failure = k;
    }
    return status >= 500 ? failure : NULL;
}

/* ---- the message ---- */

static const char *value_of(struct req *r, const char *name, size_t len)
{
    int i = 0;
    for (const char *p = r->route->path; (p = strchr(p, '{')) != NULL; p++, i++)
        if (strcspn(p + 1, ":}") == len && strncmp(p + 1, name, len) == 0) return r->params[i];
    const char *member = req_body_str(r, req_printf(r, "%.*s", (int)len, name));
    return member ? member : "";
}

static char *message_of(struct req *r, const struct known_code *k, const char *text)
{
    struct buf out = {0};
    for (const char *p = *k->message ? k->message : text; *p;) {
        size_t plain = *k->message ? strcspn(p, "{") : strlen(p), name = strcspn(p + plain, "}");
        buf_add(&out, p, plain);
        p += plain;
        if (!*p) break;
        const char *value = value_of(r, p + 1, name - 1);
        buf_add(&out, value, strlen(value));
        p += name + 1;
    }
    char *message = req_strdup(r, out.data ? out.data : "");
    buf_free(&out);
    return message;
}

/* ---- answering ---- */

bool codes_has(const struct req *r, int status)
{
    return find(r, status, NULL) != NULL;
}

cJSON *codes_detail(struct req *r, int status, const char *text)
{
    const struct known_code *k = find(r, status, text);
    const char *message = k ? message_of(r, k, text) : text;
    if (!k || !*k->code) return cJSON_CreateString(message);
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "code", k->code);
    cJSON_AddStringToObject(out, "message", message);
    if (is_failure(k) && strcmp(message, text) != 0) cJSON_AddStringToObject(out, "details", text);
    return out;
}

bool codes_refuse(struct req *r, int status, const char *text)
{
    if (!find(r, status, text)) return false;
    cJSON *out = cJSON_CreateObject();
    cJSON_AddItemToObject(out, "detail", codes_detail(r, status, text));
    reply_cjson_take(r, status, out);
    return true;
}
