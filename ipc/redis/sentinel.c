/* Asking Sentinels: see sentinel.h. Each is dialled, given its password, and asked for the address and for what it
 * knows of its masters, in one go. What one of them cannot is noted and does not hold the others up. */
#include "ipc/redis/sentinel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/util.h>
#include <hiredis/hiredis.h>

#include "conf/text/buf.h"
#include "conf/text/utf8.h"
#include "ipc/dial.h"
#include "ipc/redis/redis_internal.h"

#define PATIENCE_MS  4000 /* for all of them */
#define OTHERS_MS    300  /* after the first that names an address */
#define ANSWER_LIMIT (4u << 20)

struct sentinel_ask {
    struct sentinel_search *search;
    struct redis_address at;
    struct dial *dial;
    struct bufferevent *bev;
    redisReader *reader;
    int answered; /* of its questions; -1 stands for the password's */
    bool is_over, knows_none, has_tls;
    struct sentinel_answer answer;
    char why[200], known[120]; /* masters, with commas */
};

struct sentinel_search {
    struct event_base *base;
    const struct redis_url *url; /* of the client, which cancels before it goes */
    struct ssl_ctx_st *tls;
    struct redis_address current, refused;
    sentinel_fn fn;
    void *arg;
    struct event *timer;
    bool is_closing;
    int count;
    struct sentinel_ask asks[REDIS_SENTINELS_MAX];
};

static bool is_same(const struct sentinel_answer *a, const struct redis_address *b)
{
    return a->host[0] && a->port == b->port && strcmp(a->host, b->host) == 0;
}

static int votes(const struct sentinel_answer *answers, int count, const struct sentinel_answer *one)
{
    int n = 0;
    for (int i = 0; i < count; i++)
        if (answers[i].host[0] && answers[i].port == one->port && strcmp(answers[i].host, one->host) == 0) n++;
    return n;
}

bool sentinel_choose(const struct sentinel_answer *answers, int count, const struct redis_address *current,
                     const struct redis_address *refused, struct sentinel_found *found)
{
    int best = -1;
    long rank[4], best_rank[4] = {0};
    for (int i = 0; i < count; i++) {
        if (!answers[i].host[0]) continue;
        rank[0] = !is_same(&answers[i], refused);
        rank[1] = (long)answers[i].epoch;
        rank[2] = is_same(&answers[i], current);
        rank[3] = votes(answers, count, &answers[i]);
        int place = 0;
        while (place < 3 && rank[place] == best_rank[place]) place++;
        if (best >= 0 && rank[place] <= best_rank[place]) continue;
        best = i;
        memcpy(best_rank, rank, sizeof rank);
    }
    if (best < 0) return false;
    snprintf(found->host, sizeof found->host, "%s", answers[best].host);
    found->port = answers[best].port;
    found->named_by = (int)best_rank[3];
    found->of = count;
    return true;
}

static void hang_up(struct sentinel_ask *a)
{
    dial_cancel(a->dial);
    if (a->bev) bufferevent_free(a->bev);
    if (a->reader) redisReaderFree(a->reader);
    a->dial = NULL;
    a->bev = NULL;
    a->reader = NULL;
}

void sentinel_cancel(struct sentinel_search *s)
{
    if (!s) return;
    for (int i = 0; i < s->count; i++) hang_up(&s->asks[i]);
    if (s->timer) event_free(s->timer);
    free(s);
}

/* Why nobody names a master, each Sentinel by its address. */
static void say_why(const struct sentinel_search *s, char *out, size_t size)
{
    struct buf text = {0};
    int strangers = 0;
    const char *known = "";
    for (int i = 0; i < s->count; i++) {
        strangers += s->asks[i].knows_none;
        if (s->asks[i].known[0]) known = s->asks[i].known;
    }
    if (strangers > 0)
        buf_printf(&text, "%d of %d Sentinels answer, and know no master named \"%s\"%s%s%s: set REDIS_MASTER_NAME",
                   strangers, s->count, s->url->sentinels.master, *known ? " (they know " : "", known,
                   *known ? ")" : "");
    else
        buf_printf(&text, "no Sentinel names the master of \"%s\"", s->url->sentinels.master);
    for (int i = 0; i < s->count; i++) {
        const struct sentinel_ask *a = &s->asks[i];
        if (a->knows_none) continue;
        const char *silent = a->dial ? "no connection in time"
                             : s->url->sentinels.is_tls && !a->has_tls
                                 ? "no TLS in time (does it speak it? else ?sentinel_ssl=false)"
                                 : "no answer in time";
        buf_printf(&text, "; %s:%d: %s", a->at.host, a->at.port, a->why[0] ? a->why : silent);
    }
    snprintf(out, size, "%s", text.failed ? "no memory" : text.data);
    utf8_finish(out);
    buf_free(&text);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct sentinel_search *s = arg;
    struct sentinel_answer answers[REDIS_SENTINELS_MAX];
    struct sentinel_found found;
    char why[480] = "";
    for (int i = 0; i < s->count; i++) answers[i] = s->asks[i].answer;
    bool is_found = sentinel_choose(answers, s->count, &s->current, &s->refused, &found);
    if (!is_found) say_why(s, why, sizeof why);
    sentinel_fn fn = s->fn;
    void *fn_arg = s->arg;
    sentinel_cancel(s);
    fn(fn_arg, is_found ? &found : NULL, why);
}

/* One is done, well or not: when all are it is decided, and soon after the first that knows something. */
static void ask_over(struct sentinel_ask *a, const char *why)
{
    struct sentinel_search *s = a->search;
    int open = 0;
    if (a->is_over) return;
    a->is_over = true;
    hang_up(a);
    if (!a->answer.host[0] && !a->why[0]) snprintf(a->why, sizeof a->why, "%s", why);
    for (int i = 0; i < s->count; i++) open += !s->asks[i].is_over;
    if (open == 0)
        evtimer_add(s->timer, &(struct timeval){0});
    else if (a->answer.host[0] && !s->is_closing) {
        s->is_closing = true;
        evtimer_add(s->timer, &(struct timeval){.tv_usec = OTHERS_MS * 1000});
    }
}

static void note_error(struct sentinel_ask *a, const char *error)
{
    bool is_stranger = strstr(error, "NOAUTH") || strstr(error, "WRONGPASS") || strstr(error, "NOPERM") ||
                       strstr(error, "invalid password");
    if (a->why[0]) return; /* the first says why */
    if (strstr(error, "unknown command"))
        snprintf(a->why, sizeof a->why, "this is no Sentinel (a server itself is named by redis://)");
    else
        snprintf(a->why, sizeof a->why, "%.*s%s", (int)utf8_cut(error, 120), error,
                 is_stranger ? " (set REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD)" : "");
}

/* Of a host: printable, without blanks. */
static bool is_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f) return false;
    return len > 0;
}

static void take_address(struct sentinel_ask *a, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        note_error(a, reply_error(reply));
    } else if (reply->type == REDIS_REPLY_NIL || (reply->type == REDIS_REPLY_ARRAY && reply->elements == 0)) {
        a->knows_none = true;
    } else if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
               reply->element[0]->type == REDIS_REPLY_STRING && reply->element[1]->type == REDIS_REPLY_STRING) {
        long port = strtol(reply->element[1]->str, NULL, 10);
        const redisReply *host = reply->element[0];
        if (!is_name(host->str, host->len) || host->len >= sizeof a->answer.host || port < 1 || port > 65535)
            return note_error(a, "it names an address that is none");
        memcpy(a->answer.host, host->str, host->len + 1);
        a->answer.port = (int)port;
    } else {
        note_error(a, "it answers what no Sentinel does");
    }
}

static const char *field(const redisReply *pairs, const char *name)
{
    for (size_t i = 0; pairs->type == REDIS_REPLY_ARRAY && i + 1 < pairs->elements; i += 2)
        if (pairs->element[i]->type == REDIS_REPLY_STRING && pairs->element[i + 1]->type == REDIS_REPLY_STRING &&
            strcmp(pairs->element[i]->str, name) == 0)
            return pairs->element[i + 1]->str;
    return "";
}

/* All that it watches; one that may not tell has told the address. */
static void take_masters(struct sentinel_ask *a, const redisReply *reply)
{
    size_t len = 0;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const char *name = field(reply->element[i], "name");
        if (strcmp(name, a->search->url->sentinels.master) == 0)
            a->answer.epoch = strtoll(field(reply->element[i], "config-epoch"), NULL, 10);
        int n =
            snprintf(a->known + len, sizeof a->known - len, "%s%.*s", len ? ", " : "", (int)utf8_cut(name, 60), name);
        if (len + (size_t)n < sizeof a->known) len += (size_t)n;
    }
    utf8_line(utf8_finish(a->known));
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct sentinel_ask *a = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    size_t len = evbuffer_get_length(input);
    const char *bytes = (const char *)evbuffer_pullup(input, -1);
    void *reply = NULL;
    if (!bytes || redisReaderFeed(a->reader, bytes, len) != REDIS_OK || a->reader->len > ANSWER_LIMIT)
        return ask_over(a, "its answer is too large");
    evbuffer_drain(input, len);
    while (a->answered < 2) {
        if (redisReaderGetReply(a->reader, &reply) != REDIS_OK) return ask_over(a, "it does not speak Redis");
        if (!reply) return;
        const redisReply *r = reply;
        reply_tidy(reply);
        if (a->answered < 0 && r->type == REDIS_REPLY_ERROR) note_error(a, reply_error(r));
        if (a->answered == 0) take_address(a, reply);
        if (a->answered == 1) take_masters(a, reply);
        a->answered++;
        freeReplyObject(reply);
    }
    ask_over(a, "");
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct sentinel_ask *a = arg;
    char text[200] = "";
    if (what & BEV_EVENT_CONNECTED) {
        a->has_tls = true;
        return;
    }
    int code = EVUTIL_SOCKET_ERROR();
    if (a->search->url->sentinels.is_tls) tls_fault(bev, a->search->url->cert_file[0] != 0, text, sizeof text);
    if (text[0])
        ask_over(a, text);
    else if (!a->search->url->sentinels.is_tls && a->answered <= 0)
        ask_over(a,
                 "it closed the connection without a word (does it speak TLS? then the URL begins with sentinels://)");
    else
        ask_over(a, what & BEV_EVENT_EOF || !code ? "it closed the connection" : evutil_socket_error_to_string(code));
}

static void send_questions(struct sentinel_ask *a)
{
    const struct redis_sentinels *to = &a->search->url->sentinels;
    const char *const auth[] = {"AUTH", to->user[0] ? to->user : to->password, to->password};
    const char *const where[] = {"SENTINEL", "get-master-addr-by-name", to->master};
    const char *const all[] = {"SENTINEL", "masters"};
    struct buf text = {0};
    int words = to->user[0] ? 3 : 2;
    a->answered = to->password[0] ? -1 : 0;
    if (to->password[0]) resp_array(&text, words);
    for (int i = 0; to->password[0] && i < words; i++) resp_word(&text, auth[i], strlen(auth[i]));
    resp_array(&text, 3);
    for (int i = 0; i < 3; i++) resp_word(&text, where[i], strlen(where[i]));
    resp_array(&text, 2);
    for (int i = 0; i < 2; i++) resp_word(&text, all[i], strlen(all[i]));
    if (!text.failed) bufferevent_write(a->bev, text.data, text.len);
    buf_free(&text);
}

static void on_dialled(void *arg, int fd, const char *why)
{
    struct sentinel_ask *a = arg;
    const struct redis_url *url = a->search->url;
    a->dial = NULL;
    if (fd < 0) return ask_over(a, why);
    a->reader = redis_reader_new();
    a->bev = url->sentinels.is_tls ? tls_bufferevent(a->search->base, a->search->tls, a->at.host, url->any_name, fd)
                                   : bufferevent_socket_new(a->search->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!a->bev) close(fd);
    if (!a->bev || !a->reader) return ask_over(a, "no memory for a connection");
    bufferevent_setcb(a->bev, on_read, NULL, on_event, a);
    bufferevent_enable(a->bev, EV_READ | EV_WRITE);
    send_questions(a);
}

struct sentinel_search *sentinel_start(struct event_base *base, const struct redis_url *url, struct ssl_ctx_st *tls,
                                       const struct redis_address *current, const struct redis_address *refused,
                                       sentinel_fn fn, void *arg)
{
    struct sentinel_search *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->base = base;
    s->url = url;
    s->tls = tls;
    s->current = *current;
    s->refused = *refused;
    s->fn = fn;
    s->arg = arg;
    s->timer = evtimer_new(base, on_timer, s);
    if (!s->timer) {
        sentinel_cancel(s);
        return NULL;
    }
    const char *rest = url->sentinels.hosts;
    while (s->count < REDIS_SENTINELS_MAX && redis_sentinels_next(&rest, &s->asks[s->count].at)) {
        struct sentinel_ask *a = &s->asks[s->count++];
        a->search = s;
        a->dial = dial_start(base, a->at.host, a->at.port, on_dialled, a);
        if (!a->dial) {
            sentinel_cancel(s);
            return NULL;
        }
    }
    evtimer_add(s->timer, &(struct timeval){.tv_sec = PATIENCE_MS / 1000});
    return s;
}
