/* POSTs to endpoints by libcurl, several at once, each to an address that was judged when it was connected to. */
#include "services/feed/post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>
#include <curl/curl.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/text/utf8.h"
#include "conf/version.h"
#include "services/feed/guard.h"

#define ANSWER_MAX  65536 /* bytes of an answer that are read, head and body each */
#define SHOWN_MAX   160   /* of a refusal's body */
#define LINGER_MS   1000  /* for the body behind a 2xx */
#define CONNECT_MS  10000L
#define CONNECTIONS 32L

struct post {
    LIST_ENTRY(post) link;
    struct posts *posts;
    CURL *easy;
    struct curl_slist *headers;
    post_done_fn done;
    void *arg;
    int64_t started_ms, answered_ms; /* answered: a 2xx's head is whole; 0 = not yet */
    size_t head_len, body_len;
    bool is_https, is_cut;
    char shown[SHOWN_MAX + 1];
    char refused[200]; /* why the guard did not let it through */
    char why[CURL_ERROR_SIZE];
};

LIST_HEAD(post_list, post);

struct posts {
    CURLM *multi;
    struct post_list list;
    int running;
    const char *allowed;
    char ca_file[1025];
    long timeout_ms;
};

struct posts *posts_new(const struct conf *conf, struct err *err)
{
    static bool is_initialised;
    if (!is_initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_SYSTEM, "libcurl does not start"), NULL;
    is_initialised = true;
    struct posts *p = calloc(1, sizeof *p);
    if (p) p->multi = curl_multi_init();
    if (!p || !p->multi) {
        err_set(err, ERR_NOMEM, "no memory");
        free(p);
        return NULL;
    }
    LIST_INIT(&p->list);
    p->allowed = conf_str(conf, SET_WEBHOOK_ALLOW);
    p->timeout_ms = (long)conf_int(conf, SET_WEBHOOK_TIMEOUT) * 1000;
    snprintf(p->ca_file, sizeof p->ca_file, "%s", conf_str(conf, SET_WEBHOOK_CA));
    curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS);
    if (!*p->ca_file || access(p->ca_file, R_OK) == 0) return p;
    err_errno(err, "WEBHOOK_CA_FILE: %.200s cannot be read", p->ca_file);
    posts_free(p);
    return NULL;
}

static void post_free(struct post *o)
{
    LIST_REMOVE(o, link);
    o->posts->running--;
    curl_multi_remove_handle(o->posts->multi, o->easy);
    curl_easy_cleanup(o->easy);
    curl_slist_free_all(o->headers);
    free(o);
}

void posts_free(struct posts *p)
{
    if (!p) return;
    for (struct post *o; (o = LIST_FIRST(&p->list)) != NULL;) post_free(o);
    curl_multi_cleanup(p->multi);
    free(p);
}

/* ---- what libcurl asks ---- */

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct post *o = arg;
    struct address a;
    (void)purpose;
    const char *why = "it is neither IPv4 nor IPv6";
    char text[ADDRESS_TEXT] = "?";
    if (address_of_socket(&to->addr, &a)) {
        address_print(&a, text);
        why = guard_refuses(&a, o->is_https, o->posts->allowed);
    }
    if (!why) return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    snprintf(o->refused, sizeof o->refused, "%s is not called: %s", text, why);
    return CURL_SOCKET_BAD;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct post *o = arg;
    size_t len = size * count;
    long status = 0;
    o->head_len += len;
    if (o->head_len > ANSWER_MAX) {
        o->is_cut = true;
        return 0;
    }
    curl_easy_getinfo(o->easy, CURLINFO_RESPONSE_CODE, &status);
    if (len <= 2 && (*bytes == '\r' || *bytes == '\n') && status >= 200 && status < 300) o->answered_ms = mono_ms();
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct post *o = arg;
    size_t len = size * count, have = strlen(o->shown), room = SHOWN_MAX - have;
    if (room > 0 && !memchr(bytes, 0, len < room ? len : room)) {
        memcpy(o->shown + have, bytes, len < room ? len : room);
        o->shown[have + (len < room ? len : room)] = 0;
    }
    o->body_len += len;
    if (o->body_len > ANSWER_MAX) {
        o->is_cut = true;
        return 0;
    }
    return len;
}

/* What is behind a 2xx is not waited for long: the status has been told. */
static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    struct post *o = arg;
    return o->answered_ms && mono_ms() - o->answered_ms > LINGER_MS;
}

/* ---- starting ---- */

static void add_header(struct post *o, const char *name, const char *value)
{
    struct buf line = {0};
    buf_printf(&line, "%s: %s", name, value);
    struct curl_slist *list = line.failed ? NULL : curl_slist_append(o->headers, line.data);
    buf_free(&line);
    if (list) o->headers = list;
}

static void set_options(struct post *o, const struct post_request *request)
{
    char agent[80], timestamp[24];
    CURL *easy = o->easy;
    snprintf(agent, sizeof agent, "logikald/%s", version_text);
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)request->timestamp_s);
    o->headers = curl_slist_append(NULL, "Content-Type: application/json");
    add_header(o, "webhook-id", request->id);
    add_header(o, "webhook-timestamp", timestamp);
    add_header(o, "webhook-signature", request->signature);
    add_header(o, "Accept", "*/*");
    curl_slist_append(o->headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 2L); /* names move while it runs */
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, o->posts->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, agent);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(request->body));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, o->headers);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, o);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, o);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, o);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, o);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, o->why);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, o);
    if (*o->posts->ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, o->posts->ca_file);
}

int post_start(struct posts *p, const struct post_request *request, post_done_fn done, void *arg, struct err *err)
{
    struct post *o = calloc(1, sizeof *o);
    if (!o || !(o->easy = curl_easy_init())) {
        free(o);
        return err_set(err, ERR_NOMEM, "no memory for a POST");
    }
    o->posts = p;
    o->done = done;
    o->arg = arg;
    o->started_ms = mono_ms();
    o->is_https = strncasecmp(request->url, "https:", 6) == 0;
    LIST_INSERT_HEAD(&p->list, o, link);
    p->running++;
    set_options(o, request);
    if (curl_multi_add_handle(p->multi, o->easy) == CURLM_OK) return 0;
    post_free(o);
    return err_set(err, ERR_NOMEM, "no memory for a POST");
}

/* ---- ending ---- */

static void tell_status(const struct post *o, long status, const char *location, char out[300])
{
    if (status >= 300 && status < 400 && location) {
        snprintf(out, 300, "answers %ld to %.200s: redirects are not followed, change the URL", status, location);
        return;
    }
    snprintf(out, 300, "answers %ld%s%s", status, *o->shown ? ": " : "", o->shown);
}

/* Seconds or a date. Not by CURLINFO_RETRY_AFTER, which from curl 8 on never says more than six hours. */
static int64_t retry_after_of(CURL *easy)
{
    struct curl_header *header = NULL;
    if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK) return 0;
    if (header->value[0] >= '0' && header->value[0] <= '9' && !strpbrk(header->value, " :"))
        return strtoll(header->value, NULL, 10);
    time_t at = curl_getdate(header->value, NULL), now = time(NULL);
    return at > now ? (int64_t)(at - now) : 0;
}

static void finish(struct post *o, CURLcode code)
{
    struct post_answer answer = {.took_ms = mono_ms() - o->started_ms};
    long status = 0;
    char *location = NULL;
    curl_easy_getinfo(o->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(o->easy, CURLINFO_REDIRECT_URL, &location);
    answer.retry_after_s = retry_after_of(o->easy);
    bool is_told = code == CURLE_OK || (o->is_cut && o->head_len <= ANSWER_MAX);
    if (o->answered_ms) /* whatever became of the body */
        answer.status = (int)status;
    else if (is_told && status >= 300)
        answer.status = (int)status, tell_status(o, status, location, answer.why);
    else if (o->is_cut)
        snprintf(answer.why, sizeof answer.why, "sends more than %d bytes of head", ANSWER_MAX);
    else if (*o->refused && (code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK))
        snprintf(answer.why, sizeof answer.why, "%s", o->refused);
    else
        snprintf(answer.why, sizeof answer.why, "%s", *o->why ? o->why : curl_easy_strerror(code));
    utf8_line(utf8_finish(answer.why)); /* whatever it is made of, a stranger may have said it */
    post_done_fn done = o->done;
    void *arg = o->arg;
    post_free(o);
    done(arg, &answer);
}

static void collect(struct posts *p)
{
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(p->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE) continue;
        char *own = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &own);
        finish((struct post *)(void *)own, code);
    }
}

void posts_poll(struct posts *p, int timeout_ms)
{
    int running = 0;
    curl_multi_perform(p->multi, &running);
    if (running == p->running && running > 0) {
        curl_multi_poll(p->multi, NULL, 0, timeout_ms, NULL);
        curl_multi_perform(p->multi, &running);
    }
    collect(p);
}

int posts_running(const struct posts *p)
{
    return p->running;
}
