/* Tokens by OAuth 2.0 (RFC 6749, client credentials), so that tools log in by themselves: the same clients, secrets and
 * tokens as of client-auth/login, in the standard's form; and where to find it (RFC 8414). A token that is asked for
 * with a scope may no more than that. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <sodium.h>

#include "conf/text/buf.h"
#include "conf/text/utf8.h"
#include "services/web/api/access/client_login.h"
#include "services/web/gate/handlers.h"
#include "services/web/gate/credentials/jwt.h"
#include "services/web/http/message/query.h"
#include "services/web/http/reply.h"

#define SECRET_MAX 512

static const char *const scopes[] = {"projects:read", "elevations:read", "sync:write", "admin:read", "webhooks:manage"};
enum { SCOPES = sizeof scopes / sizeof *scopes };

struct grant {
    struct client_login login; /* first: r->state */
    const char *type, *scope;
    bool is_basic;
};

static void refuse(struct req *r, int status, const char *error, const char *text)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "error", error);
    cJSON_AddStringToObject(out, "error_description", text);
    if (status == 401) reply_header(r, "WWW-Authenticate", "Basic realm=\"logikald\"");
    reply_header(r, "Pragma", "no-cache");
    reply_cjson_take(r, status, out);
}

/* ---- the request ---- */

/* Takes the parameters that there are, each once; false when it has answered. */
static bool take_form(struct req *r, struct grant *g)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(r->ev);
    size_t len = evbuffer_get_length(input);
    char *text = req_alloc(r, len + 1);
    struct evkeyvalq form;
    const struct evkeyval *kv;
    const struct {
        const char *name, **to;
    } known[] = {{"grant_type", &g->type},
                 {"scope", &g->scope},
                 {"client_id", &g->login.client_id},
                 {"client_secret", &g->login.secret}};
    const char *twice = NULL;
    TAILQ_INIT(&form);
    evbuffer_copyout(input, text, len);
    bool is_read = req_body_is_form(r) && strlen(text) == len && query_parse(text, &form);
    if (is_read)
        TAILQ_FOREACH(kv, &form, next)
            for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
                if (strcmp(kv->key, known[i].name) != 0 || !*kv->value) continue; /* an empty one is none */
                if (*known[i].to) twice = known[i].name;
                *known[i].to = req_strdup(r, kv->value);
            }
    evhttp_clear_headers(&form);
    if (!is_read) refuse(r, 400, "invalid_request", "The body must be application/x-www-form-urlencoded, in UTF-8");
    if (twice) refuse(r, 400, "invalid_request", req_printf(r, "%s is given twice", twice));
    return is_read && !twice;
}

static const char *decode(struct req *r, const char *encoded, size_t len)
{
    char *copy = req_printf(r, "%.*s", (int)len, encoded);
    size_t n = 0;
    char *text = evhttp_uridecode(copy, 1, &n);
    const char *out = text && strlen(text) == n && utf8_is_valid(text, n) ? req_strdup(r, text) : NULL;
    free(text);
    return out;
}

/* "Basic base64(id:secret)", both percent-encoded (RFC 6749, 2.3.1). */
static bool take_basic(struct req *r, const char *encoded, const char **id, const char **secret)
{
    char pair[2048];
    size_t n = 0, len = strcspn(encoded, " \t=");
    if (sodium_base642bin((unsigned char *)pair, sizeof pair - 1, encoded, len, NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0)
        return false;
    pair[n] = 0;
    char *colon = strlen(pair) == n ? strchr(pair, ':') : NULL;
    if (!colon) return false;
    *id = decode(r, pair, (size_t)(colon - pair));
    *secret = decode(r, colon + 1, strlen(colon + 1));
    return *id && *secret;
}

/* Who asks: by header or in the body, and not by both. False when it has answered. */
static bool take_client(struct req *r, struct grant *g)
{
    const char *header = req_header(r, "Authorization"), *id = NULL, *secret = NULL;
    if (header && strncasecmp(header, "Basic ", 6) == 0) {
        g->is_basic = true;
        if (!take_basic(r, header + 6 + strspn(header + 6, " "), &id, &secret)) {
            refuse(r, 401, "invalid_client", "The Authorization header is no Basic credentials");
            return false;
        }
        if (g->login.secret || (g->login.client_id && strcmp(g->login.client_id, id) != 0)) {
            refuse(r, 400, "invalid_request", "Credentials are given by header and in the body: one of them is enough");
            return false;
        }
        g->login.client_id = id;
        g->login.secret = secret;
    }
    const char *client_id = g->login.client_id;
    bool is_given = client_id && *client_id && g->login.secret && *g->login.secret;
    if (is_given && strlen(client_id) < 1024 && strlen(g->login.secret) <= SECRET_MAX) return true;
    refuse(r, 401, "invalid_client", is_given ? "There is no such client" : "client_id and client_secret are needed");
    return false;
}

/* ---- scope ---- */

static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = list; *p; p += strcspn(p, " "), p += strspn(p, " "))
        if (strcspn(p, " ") == len && strncmp(p, word, len) == 0) return true;
    return false;
}

static bool is_granted(const struct client_login *l, const char *scope)
{
    char quoted[40];
    snprintf(quoted, sizeof quoted, "\"%s\"", scope);
    return strstr(l->permissions, quoted) != NULL;
}

/* The words that are asked for (NULL: all that the client has), in our order; false when one is not the client's. */
static bool choose(const struct client_login *l, const char *asked, struct buf *words, struct buf *list)
{
    int known = 0, given = 0;
    buf_char(list, '[');
    for (int i = 0; i < SCOPES; i++) {
        bool is_asked = asked && has_word(asked, scopes[i]);
        known += is_asked;
        if (is_asked && !is_granted(l, scopes[i])) return false;
        if (asked ? !is_asked : !is_granted(l, scopes[i])) continue;
        buf_printf(words, "%s%s", words->len ? " " : "", scopes[i]);
        buf_printf(list, "%s\"%s\"", list->len > 1 ? "," : "", scopes[i]);
    }
    buf_str(list, "]");
    for (const char *p = asked ? asked : ""; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        bool is_again = false; /* the same word twice is one */
        for (const char *q = asked; q < p && !is_again; q += strcspn(q, " "), q += strspn(q, " "))
            is_again = strcspn(q, " ") == strcspn(p, " ") && strncmp(q, p, strcspn(p, " ")) == 0;
        given += *p != ' ' && !is_again;
    }
    return known == given && (!asked || known > 0);
}

static void then_client(struct req *r, bool is_right)
{
    struct grant *g = r->state;
    struct buf words = {0}, list = {0};
    int64_t lifetime_s = conf_int(r->web->conf, SET_JWT_EXPIRE) * 60;
    if (!is_right) {
        refuse(r, 401, "invalid_client", "The client or its secret is wrong, or the client is not active");
    } else if (!choose(&g->login, g->scope, &words, &list)) {
        refuse(r, 400, "invalid_scope", "The client has not all of these permissions");
    } else {
        char *token = words.failed || list.failed
                          ? NULL
                          : jwt_write(r->web, g->login.client_id, list.data, g->scope ? words.data : NULL,
                                      g->login.version, lifetime_s);
        cJSON *out = cJSON_CreateObject();
        cJSON_AddStringToObject(out, "access_token", token ? token : "");
        cJSON_AddStringToObject(out, "token_type", "Bearer");
        cJSON_AddNumberToObject(out, "expires_in", (double)lifetime_s);
        cJSON_AddStringToObject(out, "scope", words.data ? words.data : "");
        reply_header(r, "Pragma", "no-cache");
        reply_token_take(r, token, out);
    }
    buf_free(&words);
    buf_free(&list);
}

void web_oauth_token(struct req *r)
{
    struct grant *g = req_alloc(r, sizeof *g);
    if (!take_form(r, g)) return;
    if (!g->type) {
        refuse(r, 400, "invalid_request", "grant_type is needed: client_credentials");
        return;
    }
    if (strcmp(g->type, "client_credentials") != 0) {
        refuse(r, 400, "unsupported_grant_type", "grant_type can only be client_credentials");
        return;
    }
    if (!take_client(r, g)) return;
    g->login.then = then_client;
    client_login(r, &g->login);
}

/* ---- where it is ---- */

void web_oauth_metadata(struct req *r)
{
    static const char *const grants[] = {"client_credentials"};
    static const char *const ways[] = {"client_secret_basic", "client_secret_post"};
    char *issuer = req_printf(r, "%s://%s", r->is_https ? "https" : "http", r->host ? r->host : "localhost");
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "issuer", issuer);
    cJSON_AddStringToObject(out, "token_endpoint", req_printf(r, "%s/oauth/token", issuer));
    cJSON_AddItemToObject(out, "grant_types_supported", cJSON_CreateStringArray(grants, 1));
    cJSON_AddItemToObject(out, "token_endpoint_auth_methods_supported", cJSON_CreateStringArray(ways, 2));
    cJSON_AddItemToObject(out, "scopes_supported", cJSON_CreateStringArray(scopes, SCOPES));
    cJSON_AddItemToObject(out, "response_types_supported", cJSON_CreateArray());
    cJSON_AddStringToObject(out, "service_documentation", req_printf(r, "%s/docs", issuer));
    reply_cjson_take(r, 200, out);
}
