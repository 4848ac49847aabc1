/* See courier.h. libcurl says which sockets it waits for and until when (its multi-socket interface); both become
 * events of the loop. */
#include "services/alert/courier.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <curl/curl.h>
#include <event2/event.h>

#include "conf/text/utf8.h"
#include "services/alert/mail.h"

#define TIMEOUT_MS 20000L
#define WHY_SIZE   200

struct parcel {
    struct courier *courier;
    CURL *easy;
    struct curl_slist *headers, *recipients;
    char *body;
    size_t len, sent;
    courier_fn fn;
    courier_ends_fn look; /* instead of fn: nothing is sent */
    void *arg;
    char why[CURL_ERROR_SIZE];
    LIST_ENTRY(parcel) link;
};

struct courier {
    struct event_base *base;
    CURLM *multi;
    struct event *timer;
    LIST_HEAD(parcels, parcel) parcels;
};

static void parcel_free(struct parcel *p)
{
    LIST_REMOVE(p, link);
    curl_multi_remove_handle(p->courier->multi, p->easy);
    curl_easy_cleanup(p->easy);
    curl_slist_free_all(p->headers);
    curl_slist_free_all(p->recipients);
    free(p->body);
    free(p);
}

/* ---- the loop ---- */

/* Of the server's own certificate, the first of its chain. */
static int64_t ends_of(CURL *easy)
{
    static const char name[] = "Expire date:";
    struct curl_certinfo *info = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1) return 0;
    for (const struct curl_slist *line = info->certinfo[0]; line; line = line->next)
        if (strncmp(line->data, name, sizeof name - 1) == 0) {
            time_t ends = curl_getdate(line->data + sizeof name - 1, NULL);
            return ends > 0 ? (int64_t)ends : 0;
        }
    return 0;
}

static void finish_look(struct parcel *p)
{
    int64_t ends_s = ends_of(p->easy);
    courier_ends_fn look = p->look;
    void *arg = p->arg;
    parcel_free(p);
    look(arg, ends_s);
}

static void finish(struct parcel *p, CURLcode code)
{
    if (p->look) {
        finish_look(p);
        return;
    }

    long status = 0;
    char why[WHY_SIZE + 80];
    courier_fn fn = p->fn;
    void *arg = p->arg;
    curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK)
        snprintf(why, sizeof why, "%.*s", WHY_SIZE, *p->why ? p->why : curl_easy_strerror(code));
    else
        snprintf(why, sizeof why, "it answered %ld", status);
    utf8_line(utf8_finish(why)); /* libcurl tells what it was answered */
    bool is_taken = code == CURLE_OK && status / 100 == 2;
    parcel_free(p);
    fn(arg, is_taken ? NULL : why);
}

static void look_for_ended(struct courier *c)
{
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(c->multi, &left))) {
        void *p;
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&p);
        finish(p, code);
    }
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct courier *c = arg;
    int running, mask = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(c->multi, fd, mask, &running);
    look_for_ended(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct courier *c = arg;
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    look_for_ended(c);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *event)
{
    (void)easy;
    struct courier *c = arg;
    if (event) event_free(event);
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    short mask = (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);
    struct event *own = event_new(c->base, fd, mask, on_socket, c);
    if (own) event_add(own, NULL);
    curl_multi_assign(c->multi, fd, own);
    return 0;
}

static int want_timer(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    struct courier *c = arg;
    if (ms < 0)
        event_del(c->timer);
    else
        event_add(c->timer, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
    return 0;
}

struct courier *courier_new(struct event_base *base)
{
    struct courier *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->base = base;
    c->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == 0 ? curl_multi_init() : NULL;
    c->timer = evtimer_new(base, on_timer, c);
    if (!c->multi || !c->timer) {
        courier_free(c);
        return NULL;
    }
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    return c;
}

void courier_free(struct courier *c)
{
    if (!c) return;
    for (struct parcel *p; (p = LIST_FIRST(&c->parcels)) != NULL;) parcel_free(p);
    if (c->multi) curl_multi_cleanup(c->multi);
    if (c->timer) event_free(c->timer);
    free(c);
}

/* ---- sending ---- */

static size_t take_nothing(char *bytes, size_t size, size_t count, void *arg)
{
    (void)bytes, (void)arg;
    return size * count;
}

static size_t give_body(char *to, size_t size, size_t count, void *arg)
{
    struct parcel *p = arg;
    size_t n = p->len - p->sent < size * count ? p->len - p->sent : size * count;
    memcpy(to, p->body + p->sent, n);
    p->sent += n;
    return n;
}

static struct parcel *parcel_new(struct courier *c, const char *url, const char *body, courier_fn fn, void *arg,
                                 struct err *err)
{
    struct parcel *p = calloc(1, sizeof *p);
    CURL *easy = p ? curl_easy_init() : NULL;
    if (!easy || !(p->body = strdup(body))) {
        if (easy) curl_easy_cleanup(easy);
        free(p);
        err_set(err, ERR_NOMEM, "no memory for a message");
        return NULL;
    }
    p->courier = c;
    p->easy = easy;
    p->len = strlen(body);
    p->fn = fn;
    p->arg = arg;
    LIST_INSERT_HEAD(&c->parcels, p, link);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, p);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, p->why);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_nothing);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "logikald");
    return p;
}

static int send_off(struct parcel *p, struct err *err)
{
    CURLMcode code = curl_multi_add_handle(p->courier->multi, p->easy);
    if (code == CURLM_OK) return 0;
    parcel_free(p);
    return err_set(err, ERR_NOMEM, "the message cannot be sent: %s", curl_multi_strerror(code));
}

int courier_call(struct courier *c, const char *url, const char *json, courier_fn fn, void *arg, struct err *err)
{
    struct parcel *p = parcel_new(c, url, json ? json : "", fn, arg, err);
    if (!p) return err_result(err);
    curl_easy_setopt(p->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (json) {
        p->headers = curl_slist_append(NULL, "Content-Type: application/json");
        curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, p->body);
        curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, p->headers);
    }
    return send_off(p, err);
}

int courier_mail(struct courier *c, const char *smtp_url, const char *from, const char *to, const char *subject,
                 const char *text, courier_fn fn, void *arg, struct err *err)
{
    char *message = mail_text(from, to, subject, text);
    struct parcel *p = message ? parcel_new(c, smtp_url, message, fn, arg, err) : NULL;
    free(message);
    if (!p) return err_set(err, ERR_NOMEM, "no memory for a message");
    char copy[2048], *rest = copy;
    snprintf(copy, sizeof copy, "%s", to);
    for (char *each; (each = strsep(&rest, ", ")) != NULL;)
        if (*each) p->recipients = curl_slist_append(p->recipients, each);
    const char *at = strchr(smtp_url, '@');
    curl_easy_setopt(p->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(p->easy, CURLOPT_USE_SSL, (long)(at ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    curl_easy_setopt(p->easy, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(p->easy, CURLOPT_MAIL_RCPT, p->recipients);
    curl_easy_setopt(p->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(p->easy, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(p->easy, CURLOPT_READDATA, p);
    return send_off(p, err);
}

int courier_look(struct courier *c, const char *url, courier_ends_fn fn, void *arg, struct err *err)
{
    struct parcel *p = parcel_new(c, url, "", NULL, arg, err);
    if (!p) return err_result(err);
    p->look = fn;
    curl_easy_setopt(p->easy, CURLOPT_PROTOCOLS_STR, "https,smtps");
    curl_easy_setopt(p->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(p->easy, CURLOPT_CERTINFO, 1L);
    curl_easy_setopt(p->easy, CURLOPT_SSL_VERIFYPEER, 0L); /* one that has ended is to be told, too */
    curl_easy_setopt(p->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    return send_off(p, err);
}
