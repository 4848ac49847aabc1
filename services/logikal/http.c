/* HTTP over libcurl's multi interface: see http.h. */
#include "services/logikal/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <curl/curl.h>

#include "conf/clock.h"
#include "conf/version.h"

#define ERROR_BODY_LIMIT   65536
#define CONNECT_TIMEOUT_MS 10000L
#define CONNECTIONS_KEPT   40L

struct http {
    CURLM *multi;
    struct http_call *paused;
    char ca_file[1025], cert_file[1025], key_file[1025]; /* "" = none */
};

struct http_call {
    struct http *http;
    CURL *easy;
    struct curl_slist *headers;
    http_done_fn done;
    void *arg;
    struct http_request request;
    struct buf body;
    size_t received;
    int64_t started_ms;
    int64_t server_time_s;
    enum http_fault stopped_by; /* why we cut the transfer ourselves */
    bool is_running;
    struct http_call *next_paused;
    int64_t paused_ms, waited_ms; /* since when; how long in all */
    char why[CURL_ERROR_SIZE];
};

static int take_file(char *out, size_t size, const char *setting, const char *path, struct err *err)
{
    snprintf(out, size, "%s", path ? path : "");
    if (!*out || access(out, R_OK) == 0) return 0;
    return err_set(err, ERR_CONFIG, "%s: %.200s cannot be read: %s", setting, out, strerror(errno));
}

struct http *http_new(const struct http_tls *tls, struct err *err)
{
    static bool is_initialised;
    if (!is_initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_SYSTEM, "libcurl does not start"), NULL;
    is_initialised = true;
    struct http *h = calloc(1, sizeof *h);
    if (h) h->multi = curl_multi_init();
    if (!h || !h->multi) {
        err_set(err, ERR_NOMEM, "no memory");
        free(h);
        return NULL;
    }
    if (tls && (take_file(h->ca_file, sizeof h->ca_file, "LOGIKAL_CA_FILE", tls->ca_file, err) < 0 ||
                take_file(h->cert_file, sizeof h->cert_file, "LOGIKAL_CERT_FILE", tls->cert_file, err) < 0 ||
                take_file(h->key_file, sizeof h->key_file, "LOGIKAL_KEY_FILE", tls->key_file, err) < 0)) {
        http_free(h);
        return NULL;
    }
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
    curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    return h;
}

void http_free(struct http *h)
{
    if (!h) return;
    curl_multi_cleanup(h->multi);
    free(h);
}

struct http_call *http_call_new(struct http *h, http_done_fn done, void *arg)
{
    struct http_call *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    *c = (struct http_call){.http = h, .easy = curl_easy_init(), .done = done, .arg = arg};
    if (c->easy) return c;
    free(c);
    return NULL;
}

void http_call_free(struct http_call *c)
{
    if (!c) return;
    http_call_stop(c);
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->headers);
    buf_free(&c->body);
    free(c);
}

static size_t stop_with(struct http_call *c, enum http_fault fault)
{
    c->stopped_by = fault;
    return 0;
}

/* libcurl keeps what came, and lets the server wait. */
static size_t wait_for_room(struct http_call *c)
{
    c->paused_ms = mono_ms();
    c->next_paused = c->http->paused;
    c->http->paused = c;
    return CURL_WRITEFUNC_PAUSE;
}

static void forget_pause(struct http_call *c)
{
    struct http_call **link = &c->http->paused;
    while (*link && *link != c) link = &(*link)->next_paused;
    if (*link) *link = c->next_paused;
}

/* Those that are still full pause again. That they had to wait is no fault of the server's: its time is as much longer.
 */
static void go_on(struct http *h)
{
    struct http_call *c = h->paused;
    h->paused = NULL;
    for (struct http_call *next; c; c = next) {
        next = c->next_paused;
        c->waited_ms += mono_ms() - c->paused_ms;
        curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)(c->request.timeout_ms + c->waited_ms));
        curl_easy_pause(c->easy, CURLPAUSE_CONT);
    }
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_call *c = arg;
    size_t len = size * count;
    long status = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status >= 300 || status == 206) { /* a part is not the whole */
        size_t room = ERROR_BODY_LIMIT - (c->body.len < ERROR_BODY_LIMIT ? c->body.len : ERROR_BODY_LIMIT);
        buf_add(&c->body, bytes, len < room ? len : room);
        return len;
    }
    if (len > c->request.limit_bytes - c->received) return stop_with(c, HTTP_FAULT_TOO_LARGE);
    c->received += len;
    if (c->request.is_full && c->request.is_full(c->arg)) return wait_for_room(c);
    if (c->request.sink) return c->request.sink(c->arg, bytes, len) ? len : stop_with(c, HTTP_FAULT_SINK);
    return buf_add(&c->body, bytes, len) ? len : stop_with(c, HTTP_FAULT_TOO_LARGE);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_call *c = arg;
    size_t len = size * count;
    char value[64];
    if (len > 5 && len < sizeof value && strncasecmp(bytes, "date:", 5) == 0) {
        snprintf(value, sizeof value, "%.*s", (int)(len - 5), bytes + 5);
        time_t t = curl_getdate(value, NULL);
        c->server_time_s = t > 0 ? (int64_t)t : 0;
    }
    return len;
}

static int set_headers(struct http_call *c, const struct http_request *request)
{
    curl_slist_free_all(c->headers);
    c->headers = curl_slist_append(NULL, "Accept: application/json, image/*");
    if (request->json) c->headers = curl_slist_append(c->headers, "Content-Type: application/json");
    c->headers = curl_slist_append(c->headers, "Expect:");
    struct buf authorization = {0};
    if (request->token && buf_printf(&authorization, "Authorization: Bearer %s", request->token))
        c->headers = curl_slist_append(c->headers, authorization.data);
    bool has_failed = authorization.failed || !c->headers;
    buf_free(&authorization);
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    return has_failed ? -1 : 0;
}

static const char *user_agent(void)
{
    static char text[64];
    if (!*text) snprintf(text, sizeof text, "logikald/%s", version_text);
    return text;
}

/* The file stands beside libcurl's directory of the system's authorities (CURLOPT_CAPATH), which stays. */
static void set_tls(CURL *easy, const struct http *h)
{
    if (*h->ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, h->ca_file);
    if (!*h->cert_file) return;
    curl_easy_setopt(easy, CURLOPT_SSLCERT, h->cert_file);
    curl_easy_setopt(easy, CURLOPT_SSLKEY, *h->key_file ? h->key_file : h->cert_file);
}

static void set_options(struct http_call *c, const struct http_request *request)
{
    CURL *easy = c->easy;
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->is_fresh ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 2L); /* names move while it runs */
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, c->why);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, c);
    set_tls(easy, c->http);
    if (request->json) curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->json);
    if (strcmp(request->method, "GET") != 0) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

int http_call_start(struct http_call *c, const struct http_request *request, struct err *err)
{
    curl_easy_reset(c->easy);
    c->request = *request;
    c->request.url = c->request.token = c->request.json = NULL; /* libcurl has its own copies */
    c->received = 0;
    c->waited_ms = 0;
    c->server_time_s = 0;
    c->stopped_by = HTTP_FAULT_NONE;
    c->why[0] = '\0';
    buf_free(&c->body);
    buf_init(&c->body, request->limit_bytes > ERROR_BODY_LIMIT ? request->limit_bytes : ERROR_BODY_LIMIT);
    set_options(c, request);
    if (set_headers(c, request) < 0 || curl_multi_add_handle(c->http->multi, c->easy) != CURLM_OK)
        return err_set(err, ERR_NOMEM, "no memory for a call to Logikal");
    c->started_ms = mono_ms();
    c->is_running = true;
    return 0;
}

void http_call_stop(struct http_call *c)
{
    if (!c->is_running) return;
    forget_pause(c);
    curl_multi_remove_handle(c->http->multi, c->easy);
    c->is_running = false;
}

static enum http_fault fault_of(const struct http_call *c, CURLcode code)
{
    if (c->stopped_by) return c->stopped_by;
    if (code != CURLE_OK && (strstr(c->why, "alert certificate required") || strstr(c->why, "alert bad certificate") ||
                             strstr(c->why, "alert handshake failure") || strstr(c->why, "alert unknown ca")))
        return HTTP_FAULT_CERTIFICATE; /* the server wants one of ours */
    switch (code) {
    case CURLE_OK: return HTTP_FAULT_NONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_COULDNT_CONNECT: return HTTP_FAULT_CONNECT;
    case CURLE_OPERATION_TIMEDOUT: return HTTP_FAULT_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE: return HTTP_FAULT_CERTIFICATE;
    case CURLE_SSL_CONNECT_ERROR: return HTTP_FAULT_TLS;
    default: return HTTP_FAULT_CUT;
    }
}

static void finish(struct http_call *c, CURLcode code)
{
    long status = 0;
    char *type = NULL, *location = NULL;
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    curl_easy_getinfo(c->easy, CURLINFO_REDIRECT_URL, &location);
    forget_pause(c);
    curl_multi_remove_handle(c->http->multi, c->easy);
    c->is_running = false;

    struct buf body = c->body;
    c->body = (struct buf){0};
    char type_copy[128];
    snprintf(type_copy, sizeof type_copy, "%s", type ? type : "");
    struct http_answer answer = {.fault = fault_of(c, code),
                                 .why = c->why[0] ? c->why : curl_easy_strerror(code),
                                 .body = &body,
                                 .type = type_copy,
                                 .location = location,
                                 .retry_after_ms = retry_after_s > 0 ? (int64_t)retry_after_s * 1000 : -1,
                                 .server_time_s = c->server_time_s,
                                 .took_ms = mono_ms() - c->started_ms};
    answer.status = answer.fault ? 0 : (int)status;
    c->done(c->arg, &answer);
    buf_free(&body);
}

void http_wake(struct http *h)
{
    curl_multi_wakeup(h->multi);
}

void http_poll(struct http *h, int timeout_ms)
{
    int running = 0, left = 0;
    go_on(h);
    curl_multi_perform(h->multi, &running);
    CURLMsg *message = curl_multi_info_read(h->multi, &left);
    if (!message) {
        curl_multi_poll(h->multi, NULL, 0, timeout_ms, NULL);
        curl_multi_perform(h->multi, &running);
        message = curl_multi_info_read(h->multi, &left);
    }
    for (; message; message = curl_multi_info_read(h->multi, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        char *call = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        finish((struct http_call *)(void *)call, code);
    }
}
