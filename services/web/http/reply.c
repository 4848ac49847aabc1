/* Sending answers: see reply.h. evhttp writes them; when it is done, or the client went away, the request is logged,
 * counted and freed here (reply_over). */
#include "services/web/http/reply_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <sys/socket.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/log.h"
#include "conf/text/copy.h"
#include "conf/text/json_times.h"
#include "conf/text/utf8.h"
#include "services/web/http/message/fields.h"
#include "services/web/http/message/gzip.h"
#include "services/web/http/server.h"

#define CSP                                                                                                            \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "              \
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

static void tell_evhttp(struct req *r, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(r->ev), name, value);
}

/* Does evhttp look for it, and go by it? An answer whose length it does not see is chunked, too. */
static bool is_of_evhttp(const char *name)
{
    return strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Connection") == 0;
}

void reply_header(struct req *r, const char *name, const char *value)
{
    if (is_of_evhttp(name))
        tell_evhttp(r, name, value);
    else
        fields_add(&r->fields, name, value);
}

void reply_header_default(struct req *r, const char *name, const char *value)
{
    if (!fields_have(&r->fields, name)) reply_header(r, name, value);
}

/* ---- the end ---- */

void reply_over(struct req *r)
{
    server_request_ended(r->web->server, r);
    for (void (*const *over)(const struct req *) = server_hooks(r->web->server)->over; *over; over++) (*over)(r);
    req_free(r);
}

static void on_complete(struct evhttp_request *ev, void *arg)
{
    (void)ev;
    reply_over(arg);
}

void reply_client_gone(struct req *r)
{
    r->is_gone = true;
    void (*more)(struct req *) = r->more;
    r->more = NULL;
    if (r->is_replied)
        reply_over(r);
    else if (more)
        more(r);
    else if (r->gone)
        r->gone(r->gone_arg);
}

/* ---- whole answers ---- */

/* The time of the answer (RFC 9110, 6.6.1), printed once a second; evhttp prints its own for each answer without. */
static const char *date_of_now(void)
{
    static char text[32];
    static time_t printed;
    time_t now = time(NULL);
    struct tm tm;
    if (now != printed && gmtime_r(&now, &tm)) {
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        printed = now;
    }
    return text;
}

void reply_common_headers(struct req *r, int status, const char *type)
{
    r->status = status;
    if (status >= 400) fields_remove(&r->fields, "ETag"); /* of what was to be answered */
    if (type) reply_header_default(r, "Content-Type", type);
    reply_header(r, "X-Request-ID", r->id);
    reply_header(r, "X-Content-Type-Options", "nosniff");
    reply_header_default(r, "Cache-Control", "no-store");
    if (type && strncmp(type, "text/html", 9) == 0) {
        reply_header_default(r, "Content-Security-Policy", CSP);
        reply_header(r, "X-Frame-Options", "DENY");
        reply_header(r, "Referrer-Policy", "same-origin");
    }
    if (r->is_https) reply_header(r, "Strict-Transport-Security", "max-age=31536000");
    if (server_is_draining(r->web->server) || r->is_refused) reply_header(r, "Connection", "close");
    server_hooks(r->web->server)->headers(r);
    if (fields_hand_on(&r->fields, date_of_now(), evhttp_request_get_output_headers(r->ev))) return;
    log_critical("no memory for an answer");
    abort();
}

const char *reply_reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {201, "Created"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {206, "Partial Content"},
                   {303, "See Other"},
                   {304, "Not Modified"},
                   {307, "Temporary Redirect"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {409, "Conflict"},
                   {410, "Gone"},
                   {413, "Content Too Large"},
                   {415, "Unsupported Media Type"},
                   {416, "Range Not Satisfiable"},
                   {417, "Expectation Failed"},
                   {422, "Unprocessable Entity"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {501, "Not Implemented"},
                   {502, "Bad Gateway"},
                   {503, "Service Unavailable"},
                   {504, "Gateway Timeout"},
                   {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status) return reasons[i].text;
    return "Status";
}

/* Sends the body (owned here from now on). A client that is gone gets nothing, but all the same ends the request. */
static void send_buffer(struct req *r, int status, const char *type, struct evbuffer *body)
{
    struct evhttp_request *ev = r->ev;
    char length[24];
    if (r->is_streaming) {
        evbuffer_free(body);
        reply_stream_abort(r, status);
        return;
    }
    r->bytes = evbuffer_get_length(body);
    reply_common_headers(r, status, type);
    if (r->is_head || r->is_http_1_0) { /* to which evhttp tells none, so that an answer that is cut looks whole */
        snprintf(length, sizeof length, "%zu", r->bytes);
        if (status != 304 && status != 204) reply_header(r, "Content-Length", length); /* in a 304: the document's */
    }
    if (r->is_head) {
        evbuffer_drain(body, r->bytes); /* evhttp would send it, and a client take it for the next answer */
        r->bytes = 0;
    }
    r->is_replied = true;
    r->worked_ms = mono_ms() - r->started_us / 1000;
    if (!evhttp_request_get_connection(ev) || r->is_gone) {
        reply_over(r);
        evhttp_request_free(ev);
    } else {
        evhttp_request_set_on_complete_cb(ev, on_complete, r);
        evhttp_send_reply(ev, status, reply_reason(status), body);
        server_write(r);
    }
    evbuffer_free(body);
}

static bool is_compressible(const char *type)
{
    return strncmp(type, "text/", 5) == 0 || strstr(type, "json") || strstr(type, "javascript") || strstr(type, "svg");
}

bool reply_accepts_gzip(const struct req *r)
{
    const char *p = req_header(r, "Accept-Encoding");
    double named = -1, any = 0; /* weights; what is not named has that of the star */
    for (; p && *p; p += strcspn(p, ","), p += *p == ',') {
        p += strspn(p, " \t");
        size_t len = strcspn(p, " \t,;"), all = strcspn(p, ",");
        const char *q = memchr(p, ';', all);
        if (q) q += 1 + strspn(q + 1, " \t");
        double weight = q && strncasecmp(q, "q=", 2) == 0 ? strtod(q + 2, NULL) : 1;
        if ((len == 4 && strncasecmp(p, "gzip", 4) == 0) || (len == 6 && strncasecmp(p, "x-gzip", 6) == 0))
            named = weight;
        if (len == 1 && *p == '*') any = weight;
    }
    return (named >= 0 ? named : any) > 0;
}

void reply_bytes(struct req *r, int status, const char *type, const void *bytes, size_t len)
{
    struct evbuffer *body = evbuffer_new();
    if (len >= GZIP_LEAST && is_compressible(type)) {
        reply_header(r, "Vary", "Accept-Encoding");
        if (reply_accepts_gzip(r) && !r->is_head && gzip_add(body, bytes, len)) {
            reply_header(r, "Content-Encoding", "gzip");
            send_buffer(r, status, type, body);
            return;
        }
    }
    evbuffer_add(body, bytes, len);
    send_buffer(r, status, type, body);
}

void reply_json(struct req *r, int status, const char *json)
{
    struct buf b = {0};
    if (r->is_exact ? buf_str(&b, json) : json_times_add(&b, json, strlen(json)))
        reply_bytes(r, status, TYPE_JSON, b.data ? b.data : "", b.len);
    else
        reply_detail(r, 500, "No memory");
    buf_free(&b);
}

void reply_cjson_take(struct req *r, int status, cJSON *json)
{
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    if (text) {
        utf8_repair(text, strlen(text)); /* names of queues and workers are any bytes */
        reply_json(r, status, text);
    } else {
        reply_detail(r, 500, "No memory");
    }
    cJSON_free(text);
}

void reply_empty(struct req *r, int status)
{
    send_buffer(r, status, NULL, evbuffer_new());
}

void reply_redirect(struct req *r, const char *where)
{
    reply_header(r, "Location", where);
    reply_empty(r, 303);
}

void reply_shared(struct req *r, int status, const char *type, const void *bytes, size_t len,
                  void (*free_fn)(const void *bytes, size_t len, void *arg), void *arg)
{
    struct evbuffer *body = evbuffer_new();
    evbuffer_add_reference(body, bytes, len, free_fn, arg);
    send_buffer(r, status, type, body);
}

/* ---- refusals ---- */

void reply_detail(struct req *r, int status, const char *fmt, ...)
{
    char text[8192]; /* names of many objects, each a long one */
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (server_hooks(r->web->server)->refuse(r, status, NULL, text)) return;
    buf_str(&b, "{\"detail\":");
    buf_json_string(&b, text, strlen(text));
    buf_char(&b, '}');
    reply_bytes(r, status, TYPE_JSON, b.data, b.len);
    buf_free(&b);
}

void reply_fault(struct req *r, int status, const char *code, const char *fmt, ...)
{
    char text[1024];
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (server_hooks(r->web->server)->refuse(r, status, code, text)) return;
    buf_printf(&b, "{\"detail\":{\"code\":\"%s\",\"message\":", code);
    buf_json_string(&b, text, strlen(text));
    buf_str(&b, "}}");
    reply_bytes(r, status, TYPE_JSON, b.data, b.len);
    buf_free(&b);
}

void reply_unavailable(struct req *r, int retry_after_s, const char *fmt, ...)
{
    char text[1024], seconds[16];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(seconds, sizeof seconds, "%d", retry_after_s);
    reply_header(r, "Retry-After", seconds);
    reply_detail(r, 503, "%s", text);
}

void reply_invalid(struct req *r, const char *where, const char *name, const char *type, const char *msg)
{
    struct buf b = {0};
    if (server_hooks(r->web->server)->refuse(r, 422, type, req_printf(r, "%s%s%s", name, *name ? ": " : "", msg)))
        return;
    buf_printf(&b, "{\"detail\":[{\"loc\":[\"%s\"", where);
    for (const char *p = name; *p; p += strcspn(p, "."), p += *p == '.') {
        size_t len = strcspn(p, ".");
        buf_char(&b, ',');
        if (strspn(p, "0123456789") == len)
            buf_add(&b, p, len);
        else
            buf_json_string(&b, p, len);
    }
    buf_str(&b, "],\"msg\":");
    buf_json_string(&b, msg, strlen(msg));
    buf_printf(&b, ",\"type\":\"%s\"}]}", type);
    reply_bytes(r, 422, TYPE_JSON, b.data, b.len);
    buf_free(&b);
}

/* If-None-Match compares weakly (RFC 9110, 13.1.2): a W/ before the quotes does not matter. */
static bool unchanged(struct req *r, const char *weak, const char *etag)
{
    char text[80];
    const char *quoted = text + strlen(weak), *known = req_header(r, "If-None-Match");
    char *end = stpcpy(stpcpy(text, weak), "\"");
    text_copy(end, 71, etag);
    stpcpy(end + strlen(end), "\"");
    fields_remove(&r->fields, "ETag"); /* of an earlier moment */
    reply_header(r, "ETag", text);
    reply_header_default(r, "Cache-Control", "private, no-cache");
    if (!known || (strcmp(known, text) != 0 && !strstr(known, quoted) && strcmp(known, "*") != 0)) return false;
    reply_empty(r, 304);
    return true;
}

bool reply_unchanged(struct req *r, const char *etag)
{
    return unchanged(r, "", etag);
}

bool reply_unchanged_weak(struct req *r, const char *etag)
{
    return unchanged(r, "W/", etag);
}
