/* A request: taken over from evhttp, its parts read and checked for form, kept until it is answered. See req.h. */
#include "services/web/http/req.h"

#include <assert.h>
#include <ctype.h>
#include <poll.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http_struct.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/machine/random.h"
#include "conf/text/utf8.h"
#include "services/web/http/message/gzip.h"
#include "services/web/http/proxy.h"
#include "services/web/http/message/query.h"
#include "services/web/http/reply.h"
#include "services/web/http/schema/schema.h"
#include "services/web/http/server.h"
#include "services/web/http/streams.h"

/* ---- memory ---- */

/* Pieces of what a request is given stand side by side in a few chunks, each as large as malloc has at hand; under
 * AddressSanitizer each piece stands alone, so that it sees who goes beyond one. */
#ifdef __SANITIZE_ADDRESS__
#define CHUNK 0
#else
#define CHUNK 992
#endif

struct req_memory {
    struct req_memory *next;
    size_t size, used;
    max_align_t bytes[];
};

struct req_end {
    struct req_end *next;
    void (*fn)(void *arg);
    void *arg;
};

static struct req_memory *chunk_new(struct req *r, size_t size)
{
    struct req_memory *m = malloc(sizeof *m + size);
    if (!m) {
        log_critical("no memory for a request");
        abort();
    }
    *m = (struct req_memory){.size = size, .next = r->memory};
    r->memory = m;
    return m;
}

void *req_alloc(struct req *r, size_t size)
{
    struct req_memory *m = r->memory;
    size_t rounded = (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (!m || m->size - m->used < rounded) m = chunk_new(r, rounded > CHUNK ? size : CHUNK);
    char *out = (char *)m->bytes + m->used;
    m->used = rounded < m->size - m->used ? m->used + rounded : m->size;
    return memset(out, 0, size);
}

char *req_strdup(struct req *r, const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(req_alloc(r, size), text, size);
}

char *req_printf(struct req *r, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    char *out = req_strdup(r, n < 0 ? "" : text);
    if (n >= 0) free(text);
    return out;
}

void req_on_end(struct req *r, void (*fn)(void *arg), void *arg)
{
    struct req_end *end = req_alloc(r, sizeof *end);
    *end = (struct req_end){.fn = fn, .arg = arg, .next = r->ends};
    r->ends = end;
}

void req_on_gone(struct req *r, void (*fn)(void *arg), void *arg)
{
    assert(!fn || !r->gone || r->gone == fn); /* another room still waits with it */
    r->gone = fn;
    r->gone_arg = arg;
}

void req_free(struct req *r)
{
    for (struct req_end *end; (end = r->ends) != NULL;) {
        r->ends = end->next;
        end->fn(end->arg);
    }
    gzip_stream_free(r->packer);
    streams_leave(r);
    *r->link = r->next;
    if (r->next) r->next->link = r->link;
    for (struct req_memory *m; (m = r->memory) != NULL;) {
        r->memory = m->next;
        free(m);
    }
    evhttp_clear_headers(&r->query);
    cJSON_Delete(r->body);
    buf_free(&r->fields);
    free(r);
}

/* ---- parts ---- */

const char *req_header(const struct req *r, const char *name)
{
    const struct evkeyval *field;
    TAILQ_FOREACH(field, evhttp_request_get_input_headers(r->ev), next)
        if ((*field->key | 0x20) == (*name | 0x20) && strcasecmp(field->key, name) == 0) return field->value;
    return NULL;
}

char *req_with_query(struct req *r, const char *path)
{
    return *r->raw_query ? req_printf(r, "%s?%s", path, r->raw_query) : req_strdup(r, path);
}

bool req_cookie(const struct req *r, const char *name, char *out, size_t size)
{
    const char *p = req_header(r, "Cookie");
    size_t len = strlen(name);
    for (; p && *p; p += strcspn(p, ";"), p += *p == ';') {
        p += strspn(p, " ");
        if (strncmp(p, name, len) != 0 || p[len] != '=') continue;
        size_t n = strcspn(p + len + 1, "; ");
        if (n >= size) return false;
        memcpy(out, p + len + 1, n);
        out[n] = 0;
        return true;
    }
    return false;
}

const char *req_param(const struct req *r, int index)
{
    return r->params[index];
}

const char *req_arg(const struct req *r, const char *name)
{
    const char *text = evhttp_find_header(&r->query, name);
    for (const struct req_default *d = r->defaults; d && !text; d = d->next)
        if (strcmp(d->name, name) == 0) text = d->value;
    return text;
}

int64_t req_arg_int(const struct req *r, const char *name)
{
    const char *text = req_arg(r, name);
    return text ? strtoll(text, NULL, 10) : 0;
}

bool req_arg_bool(const struct req *r, const char *name)
{
    const char *text = req_arg(r, name);
    return text && schema_boolean(text) == 1;
}

const char *req_body_str(struct req *r, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r->body, name));
}

const char *req_body_text(struct req *r, const char *name)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(r->body, name);
    if (!item || cJSON_IsNull(item)) return NULL;
    if (cJSON_IsString(item)) return item->valuestring;
    char *text = cJSON_PrintUnformatted(item);
    const char *out = text ? req_strdup(r, text) : NULL;
    cJSON_free(text);
    return out;
}

bool req_body_is_form(const struct req *r)
{
    const char *type = req_header(r, "Content-Type");
    return type && strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0;
}

bool req_body_is_json(const struct req *r)
{
    const char *type = req_header(r, "Content-Type");
    size_t len = type ? strcspn(type, "; \t") : 0;
    bool has_suffix = len > 17 && strncasecmp(type + len - 5, "+json", 5) == 0;
    return len == 0 || (len == 16 && strncasecmp(type, "application/json", 16) == 0) ||
           (has_suffix && strncasecmp(type, "application/", 12) == 0);
}

/* ---- the client ---- */

bool req_client_left(const struct req *r)
{
    struct evhttp_connection *connection = r->is_gone ? NULL : evhttp_request_get_connection(r->ev);
    if (!connection) return true;
    struct pollfd look = {.fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection)), .events = POLLRDHUP};
    return poll(&look, 1, 0) > 0;
}

const struct who *req_owner(const struct req *r)
{
    return r->was && r->who.kind == WHO_NOBODY ? r->was : &r->who;
}

bool req_is_same_owner(const struct req *a, const struct req *b)
{
    const struct who *one = req_owner(a), *other = req_owner(b);
    return one->kind == other->kind && strcmp(one->name, other->name) == 0;
}

/* ---- beginning ---- */

/* Ids name requests in the log and are no secret: many are drawn at once. */
static void draw_id(char out[17])
{
    static uint64_t drawn[64];
    static size_t left;
    if (left == 0) {
        random_bytes(drawn, sizeof drawn);
        left = sizeof drawn / sizeof *drawn;
    }
    uint64_t id = drawn[--left];
    for (int i = 15; i >= 0; i--, id >>= 4) out[i] = "0123456789abcdef"[id & 15];
    out[16] = '\0';
}

static void take_id(struct req *r)
{
    const char *given = req_header(r, "X-Request-ID");
    size_t n = 0;
    while (given && given[n] && n < REQ_ID_SIZE && (isalnum((unsigned char)given[n]) || strchr("._-", given[n]))) n++;
    if (given && n > 0 && n < REQ_ID_SIZE && !given[n])
        memcpy(r->id, given, n + 1);
    else
        draw_id(r->id);
}

bool req_decode(struct req *r, const char *encoded, size_t len, char **out)
{
    char *copy = strndup(encoded, len);
    size_t n = 0;
    char *text = copy ? evhttp_uridecode(copy, 0, &n) : NULL;
    bool is_good = text && strlen(text) == n && utf8_is_valid(text, n);
    if (is_good) *out = req_strdup(r, text);
    free(copy);
    free(text);
    return is_good;
}

/* The target as it came, which has neither authority nor fragment (framing.h): "//x/y" is a path like any other. */
static bool take_target(struct req *r)
{
    const char *target = evhttp_request_get_uri(r->ev), *query = strchr(target, '?');
    size_t len = query ? (size_t)(query - target) : strlen(target);
    char *path = req_alloc(r, len + 1);
    memcpy(path, target, len);
    path[len] = '\0';
    r->path = path;
    r->raw_query = query ? query + 1 : "";
    return query_parse(r->raw_query, &r->query);
}

void req_begin(struct web *web, struct evhttp_request *ev)
{
    struct req *r = calloc(1, sizeof *r);
    if (!r) {
        evhttp_send_error(ev, 503, NULL);
        return;
    }
    r->web = web;
    r->ev = ev;
    r->started_us = mono_us();
    r->is_head = evhttp_request_get_command(ev) == EVHTTP_REQ_HEAD;
    r->is_http_1_0 = ev->major == 1 && ev->minor == 0;
    TAILQ_INIT(&r->query);
    take_id(r);
    server_request_began(web->server, r);
    proxy_read(r);
    bool is_query_good = take_target(r);
    const struct refusal *refusal = server_refusal(r);
    if (refusal) {
        r->is_refused = true;
        if (refusal->status == 503) reply_header(r, "Retry-After", "1");
        reply_detail(r, refusal->status, "%s", refusal->text);
    } else if (!is_query_good) {
        reply_detail(r, 400, "The query string is malformed: percent-encode it, in UTF-8");
    } else {
        server_hooks(web->server)->route(r);
    }
}

/* ---- statements ---- */

/* A statement under way: what comes after it is kept with it, so that no other one can take its place. */
struct statement {
    struct req *req;
    void (*then)(struct req *r, const PGresult *result);
    void (*then_with)(struct req *r, const PGresult *result, void *arg);
    void *arg;
};

static void on_result(void *arg, const PGresult *result, const struct err *err)
{
    struct statement *s = arg;
    if (err)
        reply_statement_err(s->req, err);
    else if (s->then)
        s->then(s->req, result);
    else
        s->then_with(s->req, result, s->arg);
}

static void ask(struct req *r, const struct query *q, int n, const char *const *values, struct statement statement)
{
    if (!r->web->pool) {
        reply_unavailable(r, 30, "PostgreSQL is not configured: set DATABASE_URL");
        return;
    }
    struct statement *s = req_alloc(r, sizeof *s);
    *s = statement;
    r->versions = NULL;
    r->is_exact = q->is_exact;
    if (!pool_query(r->web->pool, q, n, values, on_result, s)) reply_unavailable(r, 1, "No memory");
}

void req_query(struct req *r, const struct query *q, int n, const char *const *values,
               void (*then)(struct req *r, const PGresult *result))
{
    ask(r, q, n, values, (struct statement){.req = r, .then = then});
}

void req_query_with(struct req *r, const struct query *q, int n, const char *const *values,
                    void (*then)(struct req *r, const PGresult *result, void *arg), void *arg)
{
    ask(r, q, n, values, (struct statement){.req = r, .then_with = then, .arg = arg});
}

static void then_json(struct req *r, const PGresult *result, void *not_found)
{
    if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0))
        reply_detail(r, 404, "%s", (const char *)not_found);
    else
        reply_json(r, 200, PQgetvalue(result, 0, 0));
}

void req_json(struct req *r, const struct query *q, int n, const char *const *values, const char *not_found)
{
    req_query_with(r, q, n, values, then_json, (void *)(not_found ? not_found : "Not found"));
}
