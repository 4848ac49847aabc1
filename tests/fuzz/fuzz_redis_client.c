/* What a server says to the Redis client: the bytes come over a connection, cut where a 0xff stands, from its first
 * answer on (greeting, role, probe of its rights), then to commands, a script and subscriptions. The first byte chooses
 * whether it is one that Sentinels have named, or one for subscriptions. Every command is answered once, and what is
 * told of a fault is one line. short run: 4000 */
#include <sys/socket.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/text/utf8.h"
#include "ipc/dial.h"
#include "ipc/redis/redis.h"
#include "ipc/redis/sentinel.h"
#include "tests/fuzz/fuzz.h"

#define CALLS 5

/* In place of the real ones: our end of a pair of sockets, once; a second connection is not made. */
struct dial {
    dial_fn fn;
    void *arg;
};
static struct dial dialled;

struct dial *dial_start(struct event_base *base, const char *host, int port, dial_fn fn, void *arg)
{
    (void)base, (void)host, (void)port;
    dialled = (struct dial){fn, arg};
    return &dialled;
}

void dial_cancel(struct dial *d)
{
    if (d) d->fn = NULL;
}

struct sentinel_search;
static sentinel_fn found_fn;
static void *found_arg;

struct sentinel_search *sentinel_start(struct event_base *base, const struct redis_url *url, struct ssl_ctx_st *tls,
                                       const struct redis_address *current, const struct redis_address *refused,
                                       sentinel_fn fn, void *arg)
{
    (void)base, (void)url, (void)tls, (void)current, (void)refused;
    found_fn = fn;
    found_arg = arg;
    return (struct sentinel_search *)(void *)&found_fn;
}

void sentinel_cancel(struct sentinel_search *s)
{
    if (s) found_fn = NULL;
}

static void check_line(const char *text)
{
    PROMISE(utf8_is_valid(text, strlen(text)));
    for (const char *p = text; *p; p++) PROMISE((unsigned char)*p >= ' ' && *p != 0x7f);
}

static int sent, answered;
static bool has_asked;

static void on_answer(void *arg, const struct redis_answer *answer)
{
    (void)arg;
    answered++;
    PROMISE(answered <= sent);
    PROMISE(answer->fault == REDIS_FINE ? answer->reply && !*answer->text : *answer->text != 0);
    check_line(answer->text);
}

static void on_state(void *arg, bool is_up, const char *why)
{
    (void)arg, (void)is_up;
    check_line(why);
}

static void on_message(void *arg, enum redis_sub_event event, const char *channel, const char *payload, size_t len)
{
    (void)arg;
    PROMISE(event != REDIS_SUB_MESSAGE || (channel && payload && payload[len] == 0));
}

/* As soon as it is up. */
static void ask(struct redis *r, bool is_subscriber)
{
    static const char *const argv[] = {"k", "1"};
    if (has_asked || is_subscriber || !redis_is_up(r)) return;
    has_asked = true;
    sent = CALLS; /* before they are: one may fail at once */
    int accepted = 0;
    accepted += redis_call(r, on_answer, NULL, "GET", "k", REDIS_END) == 0;
    accepted += redis_script(r, "stats", on_answer, NULL, 1, 2, argv, NULL) == 0;
    accepted += redis_call(r, on_answer, NULL, "HGETALL", "h", REDIS_END) == 0;
    accepted += redis_script(r, "stats", on_answer, NULL, 1, 2, argv, NULL) == 0;
    accepted += redis_call(r, on_answer, NULL, "TIME", REDIS_END) == 0;
    sent = accepted;
    redis_went_back_ask(r);
}

static void serve(struct event_base *base, struct redis *r, bool is_subscriber, int fd, const uint8_t *data,
                  size_t size)
{
    char questions[4096];
    while (size > 0) {
        const uint8_t *cut = memchr(data, 0xff, size);
        size_t n = cut ? (size_t)(cut - data) : size;
        if (n > 0 && send(fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
        event_base_loop(base, EVLOOP_NONBLOCK);
        ask(r, is_subscriber);
        event_base_loop(base, EVLOOP_NONBLOCK);
        while (recv(fd, questions, sizeof questions, MSG_DONTWAIT) > 0) continue;
        size_t used = n + (cut != NULL);
        data += used;
        size -= used;
    }
    shutdown(fd, SHUT_WR);
    event_base_loop(base, EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct event_base *base;
    static struct redis_url plain, named;
    struct err err = {0};
    int ends[2];
    if (size < 1) return 0;
    if (!base) {
        base = event_base_new();
        log_set_level(LOG_CRITICAL);
        if (!base || redis_url_parse("redis://user:secret@h:1/3", &plain, &err) != 0 ||
            redis_url_parse("sentinel://h1:1/0?master_name=mymaster", &named, &err) != 0)
            abort();
    }
    bool is_named = data[0] & 1, is_subscriber = data[0] & 2;
    sent = answered = 0;
    has_asked = false;
    dialled.fn = NULL;
    struct redis *r = redis_new(base, is_named ? &named : &plain, "fuzz", &err);
    PROMISE(r);
    redis_on_state(r, on_state, NULL);
    struct redis_sub *sub = is_subscriber ? redis_subscribe(r, "c", on_message, NULL) : NULL;
    struct redis_sub *more = is_subscriber ? redis_psubscribe(r, "p*", on_message, NULL) : NULL;
    redis_start(r);
    event_base_loop(base, EVLOOP_NONBLOCK);
    struct sentinel_found found = {"10.0.0.1", 6379, 1, 1};
    if (is_named) PROMISE(found_fn);
    if (is_named) found_fn(found_arg, &found, "");
    PROMISE(dialled.fn && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    dialled.fn(dialled.arg, ends[0], "");
    event_base_loop(base, EVLOOP_NONBLOCK);
    serve(base, r, is_subscriber, ends[1], data + 1, size - 1);
    check_line(redis_why_down(r));
    check_line(redis_missing(r));
    check_line(redis_unwritable(r));
    redis_unsubscribe(sub);
    redis_unsubscribe(more);
    redis_free(r);
    event_base_loop(base, EVLOOP_NONBLOCK);
    PROMISE(answered == sent);
    close(ends[1]);
    return 0;
}
