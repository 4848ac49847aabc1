/* Bodies, queries and paths of every operation, from an administrator, through the real web process to the statements:
 * the first two bytes choose the operation, the next the error that each statement ends with; the rest are the parts of
 * a request, made from what the operation declares. Statements get texts that PostgreSQL can take, and whatever becomes
 * of them, it is answered and it is not our fault. short run: 1500, leaks: at the end */
#include <stdbool.h>
#include <sys/queue.h>
#include <event2/event.h>

#include "conf/text/utf8.h"
#include "services/store/db/pool.h"
#include "services/store/db/snapshot.h"
#include "services/web/gate/auth.h"
#include "services/web/gate/route.h"
#include "services/web/http/req.h"
#include "services/web/http/schema/schema.h"
#include "services/web/jobs/child.h"
#include "tests/fuzz/fuzz_web.h"

/* ---- in place of PostgreSQL ---- */

struct pool_call {
    TAILQ_ENTRY(pool_call) link;
    pool_fn fn;
    void *arg;
};
static TAILQ_HEAD(calls, pool_call) calls = TAILQ_HEAD_INITIALIZER(calls);
static struct event *soon;
static enum err_code ends_with = ERR_DB;

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    struct calls now = TAILQ_HEAD_INITIALIZER(now);
    struct err err = {.code = ends_with, .text = "as the target says"};
    TAILQ_CONCAT(&now, &calls, link);
    for (struct pool_call *c; (c = TAILQ_FIRST(&now)) != NULL;) {
        TAILQ_REMOVE(&now, c, link);
        c->fn(c->arg, NULL, &err);
        free(c);
    }
}

struct pool *pool_new(struct event_base *base, const struct conf *conf, const char *application, struct err *err)
{
    (void)conf, (void)application, (void)err;
    soon = event_new(base, -1, 0, on_soon, NULL);
    return (struct pool *)(void *)soon;
}

void pool_free(struct pool *pool)
{
    (void)pool;
}

struct pool_call *pool_query(struct pool *pool, const struct query *query, int n, const char *const *values, pool_fn fn,
                             void *arg)
{
    (void)pool;
    PROMISE(query->name && query->sql);
    for (int i = 0; i < n; i++) PROMISE(!values[i] || utf8_is_valid(values[i], strlen(values[i])));
    struct pool_call *c = calloc(1, sizeof *c);
    if (!c) abort();
    c->fn = fn;
    c->arg = arg;
    TAILQ_INSERT_TAIL(&calls, c, link);
    event_active(soon, EV_TIMEOUT, 0);
    return c;
}

void pool_on_state(struct pool *pool, pool_state_fn fn, void *arg)
{
    (void)pool, (void)fn, (void)arg;
}

int64_t pool_certificate_ends_s(const struct pool *pool)
{
    (void)pool;
    return 0;
}

void pool_stats(const struct pool *pool, struct pool_stats *out)
{
    (void)pool;
    memset(out, 0, sizeof *out);
}

/* In place of the real ones: there is no server to connect to. */
struct held_snapshot *snapshot_open(struct pool *pool, int64_t seconds, const struct query *first, pool_fn fn,
                                    void *arg)
{
    (void)pool, (void)seconds, (void)fn, (void)arg;
    PROMISE(first->name && first->sql);
    return NULL;
}

void snapshot_query(struct held_snapshot *s, const struct query *query, int n, const char *const *values, pool_fn fn,
                    void *arg)
{
    (void)s, (void)query, (void)n, (void)values, (void)fn, (void)arg;
    abort();
}

void snapshot_close(struct held_snapshot *s)
{
    PROMISE(!s);
}

/* In place of the real one: the program file is this target. */
struct job_child *job_child_start(struct event_base *base, const char *task, const char *id, const char *kwargs,
                                  child_fn fn, void *arg, struct err *err)
{
    (void)base, (void)fn, (void)arg, (void)id;
    PROMISE(task && *task && utf8_is_valid(kwargs, strlen(kwargs)));
    err_set(err, ERR_SYSTEM, "no process");
    return NULL;
}

/* In place of the real one: an administrator, who came with a token. */
void auth_identify(struct req *r, void (*next)(struct req *r))
{
    r->who.kind = WHO_ADMIN;
    r->who.expires_ms = wall_ms() + 3600000;
    snprintf(r->who.name, sizeof r->who.name, "admin");
    next(r);
}

/* ---- the request ---- */

static const char *method_name(enum evhttp_cmd_type method)
{
    switch (method) {
    case EVHTTP_REQ_POST: return "POST";
    case EVHTTP_REQ_PUT: return "PUT";
    case EVHTTP_REQ_DELETE: return "DELETE";
    case EVHTTP_REQ_PATCH: return "PATCH";
    default: return "GET";
    }
}

struct plan {
    const uint8_t *data;
    size_t left;
};

static unsigned pick(struct plan *p, unsigned many)
{
    if (p->left == 0) return 0;
    p->left--;
    return *p->data++ % many;
}

/* A piece of the input, of at most so many bytes. */
static size_t piece(struct plan *p, size_t most, const uint8_t **out)
{
    size_t n = pick(p, 64);
    if (n > most) n = most;
    if (n > p->left) n = p->left;
    *out = p->data;
    p->data += n;
    p->left -= n;
    return n;
}

static void add_encoded(struct buf *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) buf_printf(out, "%%%02x", bytes[i]);
}

static const char *const usual[] = {"1",
                                    "0",
                                    "15782e4d-a69c-4ce5-9c17-d3060a039b2d",
                                    "{15782E4D-A69C-4CE5-9C17-D3060A039B2D}",
                                    "2026-11-28T10:00:00Z",
                                    "true",
                                    "sync",
                                    "2147483648",
                                    "-1",
                                    "https://example.org/x"};
#define USUAL (sizeof usual / sizeof *usual)

/* A word of those of "a|b|c", else one of the usual ones, else any bytes. */
static void add_text(struct buf *out, struct plan *p, const char *type, bool is_encoded)
{
    const uint8_t *bytes;
    unsigned how = pick(p, 8);
    size_t word = type ? strcspn(type, "|,=}? ([{") : 0;
    if (how < 3 && type && type[word] == '|') {
        for (unsigned i = 0; i < how && type[word] == '|'; i++) {
            type += word + 1;
            word = strcspn(type, "|,=}? ([{");
        }
        buf_add(out, type, word);
    } else if (how < 5) {
        const char *text = usual[pick(p, USUAL)];
        if (is_encoded)
            add_encoded(out, (const uint8_t *)text, strlen(text));
        else
            buf_str(out, text);
    } else {
        size_t n = piece(p, 60, &bytes);
        if (is_encoded) add_encoded(out, bytes, n);
        for (size_t i = 0; !is_encoded && i < n; i++)
            if (bytes[i] != '"' && bytes[i] != '\\' && bytes[i] >= ' ') buf_char(out, (char)bytes[i]);
    }
}

static void add_value(struct buf *out, struct plan *p, const char *type, int depth)
{
    const uint8_t *bytes;
    bool is_named = *type >= 'A' && *type <= 'Z';
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strspn(type, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
             type);
    if (is_named && schema_named(name)) type = schema_named(name);
    unsigned how = pick(p, 12);
    if (how == 0) {
        buf_str(out, "null");
    } else if (how == 1) {
        size_t n = piece(p, 60, &bytes);
        buf_add(out, (const char *)bytes, n);
    } else if (*type == '[' && depth < 4) {
        unsigned many = pick(p, 4);
        buf_char(out, '[');
        for (unsigned i = 0; i < many; i++) {
            if (i) buf_char(out, ',');
            add_value(out, p, type + 1, depth + 1);
        }
        buf_char(out, ']');
    } else if (*type == '{' && type[1] != '*' && depth < 4) {
        struct schema_member m;
        bool is_first = true;
        buf_char(out, '{');
        for (const char *at = NULL; schema_next(type, &at, &m);) {
            if (m.is_optional && pick(p, 2)) continue;
            buf_printf(out, "%s\"%s\":", is_first ? "" : ",", m.name);
            add_value(out, p, m.type, depth + 1);
            is_first = false;
        }
        buf_char(out, '}');
    } else if (strncmp(type, "integer", 7) == 0 || strncmp(type, "number", 6) == 0) {
        static const char *const numbers[] = {
            "1", "0", "7", "50", "-1", "2147483647", "1.5", "1e300", "9007199254740993"};
        buf_str(out, numbers[pick(p, sizeof numbers / sizeof *numbers)]);
    } else if (strncmp(type, "boolean", 7) == 0) {
        buf_str(out, pick(p, 2) ? "true" : "false");
    } else if (strncmp(type, "object", 6) == 0 || *type == '{') {
        buf_str(out, "{\"a\":1}");
    } else {
        buf_char(out, '"');
        add_text(out, p, type, false);
        buf_char(out, '"');
    }
}

static void add_target(struct buf *out, struct plan *p, const char *path, const char *query)
{
    for (; *path; path++) {
        if (*path != '{') {
            buf_char(out, *path);
            continue;
        }
        size_t before = out->len;
        bool is_number = strncmp(path + strcspn(path, ":}"), ":int", 4) == 0;
        if (is_number)
            buf_str(out, pick(p, 4) ? "1" : "999999999");
        else
            add_text(out, p, NULL, true);
        if (out->len == before) buf_str(out, "x");
        path += strcspn(path, "}");
    }
    struct schema_member m;
    char mark = '?';
    for (const char *at = NULL; *query == '{' && schema_next(query, &at, &m);) {
        if (m.is_optional && pick(p, 2)) continue;
        buf_printf(out, "%c%s=", mark, m.name);
        add_text(out, p, m.type, true);
        mark = '&';
    }
}

static void make(struct buf *out, struct plan *p, const struct route *route)
{
    struct buf body = {0};
    const char *schema = route->body;
    bool is_form = *schema == '=';
    schema += *schema == '?' || is_form;
    buf_str(&body, "");
    if (*schema) add_value(&body, p, schema, 0);
    buf_printf(out, "%s ", method_name(route->method));
    add_target(out, p, route->path, route->query);
    buf_printf(out, " HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
               is_form ? "application/x-www-form-urlencoded" : "application/json", body.len);
    buf_add(out, body.data ? body.data : "", body.len);
    buf_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum err_code errors[] = {ERR_DB, ERR_TIMEOUT, ERR_CONFLICT, ERR_INPUT, ERR_LIMIT};
    static char got[1 << 22];
    struct buf request = {0};
    struct linger at_once = {1, 0};
    struct plan p = {data, size};
    if (size < 2) return 0;
    const struct route *route = &routes[(data[0] | (unsigned)data[1] << 8) % (unsigned)routes_count];
    p.data += 2;
    p.left -= 2;
    ends_with = errors[pick(&p, sizeof errors / sizeof *errors)];
    make(&request, &p, route);
    PROMISE(!request.failed);
    int fd = connect_to_web();
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (send(fd, request.data, request.len, MSG_NOSIGNAL) != (ssize_t)request.len) abort();
    size_t len = read_answers(fd, got, sizeof got);
    int status = len > 12 && strncmp(got, "HTTP/1.1 ", 9) == 0 ? atoi(got + 9) : 0;
    bool is_stream = strstr(route->path, "stream") || strstr(route->path, "live");
    if (status == 500 || (status == 0 && !is_stream))
        fprintf(stderr, "%.*s\n-----\n%.*s\n", (int)request.len, request.data, (int)(len < 2000 ? len : 2000), got);
    PROMISE(status != 500 && (status >= 200 || is_stream));
    close(fd);
    buf_free(&request);
    return 0;
}
