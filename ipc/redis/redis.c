/* The Redis client's life: commands out, timeouts, loss and renewal of the connection. See redis.h for what is
 * promised and redis_internal.h for the other files.
 *
 * Callbacks may call anything, redis_free included: redis_enter and redis_leave count how deep we are, and the struct
 * itself is released when the last one leaves. */
#include "ipc/redis/redis_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/text/utf8.h"
#include "ipc/stream.h"

static void on_timer(evutil_socket_t fd, short what, void *arg);

struct redis *redis_new(struct event_base *base, const struct redis_url *url, const char *client_name, struct err *err)
{
    struct redis *r = calloc(1, sizeof *r);
    if (!r) {
        err_set(err, ERR_NOMEM, "no memory for a Redis connection");
        return NULL;
    }
    r->base = base;
    r->url = *url;
    r->timeout_ms = REDIS_TIMEOUT_MS;
    snprintf(r->name, sizeof r->name, "%s", client_name);
    snprintf(r->why, sizeof r->why, "not connected yet");
    STAILQ_INIT(&r->calls);
    TAILQ_INIT(&r->subs);
    backoff_init(&r->backoff, 50, 3000);
    r->timer = evtimer_new(base, on_timer, r);
    if (!r->timer) err_set(err, ERR_NOMEM, "no memory for a Redis connection");
    if (!r->timer || ((url->transport == REDIS_TLS || url->sentinels.is_tls) && !(r->tls = tls_context(url, err)))) {
        redis_free(r);
        return NULL;
    }
    return r;
}

static void release(struct redis *r)
{
    if (r->timer) event_free(r->timer);
    subs_free(r);
    tls_context_free(r->tls);
    buf_free(&r->scratch);
    free(r);
}

void redis_enter(struct redis *r)
{
    r->depth++;
}

void redis_leave(struct redis *r)
{
    assert(r->depth > 0);
    if (--r->depth == 0 && r->state == REDIS_FREED) release(r);
}

void redis_answer_call(struct redis_call *call, const struct redis_answer *answer)
{
    if (call->fn) call->fn(call->arg, answer);
    free(call->tail);
    free(call);
}

/* Answers everything that is in flight now (not what callbacks add meanwhile: they cannot, we are not connected). */
static void fail_calls(struct redis *r, enum redis_fault fault, const char *text)
{
    struct redis_answer answer = {.reply = NULL, .fault = fault, .text = text};
    struct redis_call *call;
    while ((call = STAILQ_FIRST(&r->calls))) {
        STAILQ_REMOVE_HEAD(&r->calls, link);
        r->call_count--;
        redis_answer_call(call, &answer);
    }
}

void redis_free(struct redis *r)
{
    if (!r || r->state == REDIS_FREED) return;
    redis_enter(r);
    redis_disconnect(r);
    r->state = REDIS_FREED;
    r->on_state = NULL;
    fail_calls(r, REDIS_CLOSED, "closed");
    redis_leave(r);
}

void redis_on_state(struct redis *r, redis_state_fn fn, void *arg)
{
    r->on_state = fn;
    r->on_state_arg = arg;
}

void redis_start(struct redis *r)
{
    if (r->state != REDIS_IDLE) return;
    r->state = REDIS_WAITING;
    redis_set_timer(r, 0);
}

bool redis_is_up(const struct redis *r)
{
    return r->state == REDIS_UP;
}

const char *redis_why_down(const struct redis *r)
{
    return r->state == REDIS_UP ? "" : r->why;
}

const struct redis_url *redis_where(const struct redis *r)
{
    return &r->url;
}

void redis_set_timeout(struct redis *r, int64_t timeout_ms)
{
    r->timeout_ms = timeout_ms;
}

int64_t redis_round_trips(const struct redis *r)
{
    return r->round_trips;
}

void redis_set_timer(struct redis *r, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    evtimer_add(r->timer, &tv);
}

void redis_went_up(struct redis *r)
{
    r->state = REDIS_UP;
    r->up_since_ms = r->probed_ms = mono_ms();
    r->doubted_ms = 0;
    r->why[0] = '\0';
    master_tell(r);
    redis_set_timer(r, REDIS_PING_MS);
    subs_renew(r);
    if (r->on_state) r->on_state(r->on_state_arg, true, "");
}

void redis_drop(struct redis *r, enum redis_fault fault, const char *fmt, ...)
{
    if (r->state == REDIS_FREED || r->state == REDIS_WAITING) return;
    redis_enter(r);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->why, sizeof r->why, fmt, ap);
    va_end(ap);
    utf8_line(utf8_finish(r->why)); /* the server's words may be in it */
    if (r->state == REDIS_UP && mono_ms() - r->up_since_ms >= REDIS_STABLE_MS) backoff_reset(&r->backoff);
    if (r->state == REDIS_CONNECTING) r->unwritable[0] = '\0'; /* it does not even answer */
    r->is_probing = false;
    redis_disconnect(r);
    redis_url_next(&r->url);
    r->state = REDIS_WAITING;
    redis_set_timer(r, backoff_next_ms(&r->backoff));
    subs_lost(r);
    char why[sizeof r->why];
    memcpy(why, r->why, sizeof why);
    fail_calls(r, fault, why);
    if (r->on_state) r->on_state(r->on_state_arg, false, why);
    redis_leave(r);
}

static void ping_answered(void *arg, const struct redis_answer *answer)
{
    struct redis *r = arg;
    if (answer->fault == REDIS_LOADING || answer->fault == REDIS_NOAUTH) redis_drop(r, REDIS_LOST, "%s", answer->text);
}

/* Late at two looks that were made in time: at the first, this process may just have woken (it was stopped, its machine
 * was paused), and nobody could have answered it meanwhile. */
static bool is_late(struct redis *r, int64_t now)
{
    const struct redis_call *head = STAILQ_FIRST(&r->calls);
    /* A large answer that is still coming in is not late. */
    if (!head || now < head->deadline_ms || now - r->heard_ms < REDIS_QUIET_MS) {
        r->doubted_ms = 0;
        return false;
    }
    int64_t since = now - r->doubted_ms;
    if (r->doubted_ms && since >= REDIS_DOUBT_MS && since < 2 * REDIS_DOUBT_MS) return true;
    if (!r->doubted_ms || since >= 2 * REDIS_DOUBT_MS) r->doubted_ms = now;
    return false;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct redis *r = arg;
    int64_t now = mono_ms();
    redis_enter(r);
    if (r->state == REDIS_WAITING) {
        redis_connect(r);
    } else if (r->state == REDIS_CONNECTING || r->state == REDIS_HANDSHAKE) {
        if (now >= r->deadline_ms)
            redis_drop(r, REDIS_LATE, "%s in %d ms", redis_connect_late(r), REDIS_TIMEOUT_MS);
        else
            redis_set_timer(r, r->deadline_ms - now);
    } else if (r->state == REDIS_UP) {
        if (master_has_moved(r)) {
            master_leave(r);
        } else if (is_late(r, now)) {
            redis_drop(r, REDIS_LATE, "no answer in time: this connection is given up");
        } else {
            const char *ping[] = {"PING"};
            probe_in_time(r);
            master_look(r);
            struct redis_call *head = STAILQ_FIRST(&r->calls);
            if (!head && now - r->heard_ms >= REDIS_PING_MS - 100) redis_send_now(r, ping_answered, r, 1, ping);
            head = STAILQ_FIRST(&r->calls);
            int64_t left = head ? head->deadline_ms - now : REDIS_PING_MS;
            redis_set_timer(r, left > REDIS_PING_MS ? REDIS_PING_MS : left < REDIS_TICK_MS ? REDIS_TICK_MS : left);
        }
    }
    redis_leave(r);
}

struct redis_call *redis_push(struct redis *r, int64_t timeout_ms, redis_fn fn, void *arg)
{
    struct redis_call *call = calloc(1, sizeof *call);
    if (!call) return NULL;
    call->fn = fn;
    call->arg = arg;
    call->deadline_ms = mono_ms() + timeout_ms;
    if (STAILQ_EMPTY(&r->calls) && r->state == REDIS_UP)
        redis_set_timer(r, timeout_ms < REDIS_PING_MS ? timeout_ms : REDIS_PING_MS);
    STAILQ_INSERT_TAIL(&r->calls, call, link);
    r->call_count++;
    return call;
}

static size_t unsent(const struct redis *r)
{
    return r->stream ? stream_unsent(r->stream) : evbuffer_get_length(bufferevent_get_output(r->bev));
}

bool redis_has_room(const struct redis *r)
{
    return unsent(r) <= REDIS_OUTPUT_LIMIT;
}

void redis_write(struct redis *r, const void *bytes, size_t len)
{
    if (unsent(r) == 0) r->round_trips++;
    if (r->stream)
        stream_write(r->stream, bytes, len);
    else
        bufferevent_write(r->bev, bytes, len);
}

static int send_words(struct redis *r, int64_t timeout_ms, redis_fn fn, void *arg, int argc, const char *const *argv,
                      const size_t *lens)
{
    buf_reset(&r->scratch);
    resp_array(&r->scratch, argc);
    for (int i = 0; i < argc; i++) resp_word(&r->scratch, argv[i], lens ? lens[i] : strlen(argv[i]));
    if (r->scratch.failed || !redis_push(r, timeout_ms, fn, arg)) return -ERR_LIMIT;
    redis_write(r, r->scratch.data, r->scratch.len);
    if (r->scratch.cap > (1 << 20)) buf_free(&r->scratch);
    return 0;
}

void redis_send_now(struct redis *r, redis_fn fn, void *arg, int argc, const char *const *argv)
{
    send_words(r, r->timeout_ms, fn, arg, argc, argv, NULL);
}

void redis_look(struct redis *r)
{
    r->has_commands = true;
    witness_write(r);
    probe_in_time(r);
    master_look(r);
}

int redis_command_within(struct redis *r, int64_t timeout_ms, redis_fn fn, void *arg, int argc, const char *const *argv,
                         const size_t *lens)
{
    if (r->state != REDIS_UP) return -ERR_REDIS;
    if (!redis_has_room(r)) return -ERR_LIMIT;
    redis_look(r);
    return send_words(r, timeout_ms, fn, arg, argc, argv, lens);
}

int redis_command(struct redis *r, redis_fn fn, void *arg, int argc, const char *const *argv, const size_t *lens)
{
    return redis_command_within(r, r->timeout_ms, fn, arg, argc, argv, lens);
}

int redis_call(struct redis *r, redis_fn fn, void *arg, ...)
{
    const char *argv[64];
    int argc = 0;
    va_list ap;
    va_start(ap, arg);
    while (argc < 64 && (argv[argc] = va_arg(ap, const char *))) argc++;
    va_end(ap);
    assert(argc < 64);
    return redis_command(r, fn, arg, argc, argv, NULL);
}
