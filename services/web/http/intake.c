/* The bytes of connections, before evhttp sees them: each connection's framing (framing.h) holds a request back until
 * it is whole, and what is held in all connections together stays within a budget (http.max_bodies_bytes), as do the
 * unfinished requests of one address. Where that is not enough, whoever takes most gives way, with the oldest of his.
 *
 * The bytes are taken in a callback of the input buffer, which libevent calls after reading and before evhttp looks. */
#include "services/web/http/server_internal.h"

#include <string.h>
#include <sys/socket.h>
#include <event2/buffer.h>

#include "conf/clock.h"

static const char too_many_bytes[] = "Too many request bodies are under way: try again in a moment";
static const char too_many_unfinished[] = "Too many unfinished requests come from this address";

/* ---- counting ---- */

static void count_unfinished(struct conn *c, bool is_unfinished)
{
    if (c->is_unfinished == is_unfinished) return;
    c->is_unfinished = is_unfinished;
    if (c->peer) c->peer->unfinished += is_unfinished ? 1 : -1;
    if (is_unfinished) c->waiting_ms = mono_ms();
}

static void count_held(struct conn *c, size_t held)
{
    c->server->bytes += held - c->held;
    if (c->peer) c->peer->bytes += held - c->held;
    c->held = held;
}

static void count(struct conn *c)
{
    count_held(c, c->framing.held.len);
    count_unfinished(c, c->framing.held.len > 0 && c->framing.state != FRAMING_REFUSED);
}

static void handed_on(struct conn *c, size_t bytes)
{
    c->handed_on++;
    c->working += bytes;
    c->server->bytes += bytes;
}

void intake_request_ended(struct conn *c)
{
    if (c->begun != c->handed_on) return; /* others of its lie in evhttp's input */
    c->server->bytes -= c->working;
    c->working = 0;
}

/* ---- refusing ---- */

/* evhttp reads a request that stands for the refused one, and we answer it as that (server_refusal). */
static void hand_on_refused(struct conn *c)
{
    struct evbuffer *input = bufferevent_get_input(c->bev);
    size_t before = evbuffer_get_length(input);
    if (!c->is_reading) evbuffer_unfreeze(input, 0);
    bool was_reading = c->is_reading;
    c->is_reading = true;
    framing_hand_on_refused(&c->framing, input);
    c->is_reading = was_reading;
    if (!c->is_reading) evbuffer_freeze(input, 0);
    handed_on(c, evbuffer_get_length(input) - before);
    count(c);
    linger(c->server->lingers, c->bev); /* the client may still be sending */
}

void intake_refuse(struct conn *c, int status, const char *text)
{
    framing_refuse(&c->framing, status, text);
    hand_on_refused(c);
    if (!c->req) bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
}

/* ---- the budget ---- */

static struct conn *oldest_unfinished(struct server *s, const struct peer *peer)
{
    struct conn *c, *found = NULL;
    TAILQ_FOREACH(c, &s->conns, link)
        if (c->is_unfinished && c->peer == peer && (!found || c->waiting_ms < found->waiting_ms)) found = c;
    return found;
}

/* The oldest one of whoever holds most, in bodies: who holds less than one is not told apart from others like him. */
static struct conn *greediest(const struct server *s)
{
    struct conn *c, *found = NULL;
    size_t most = 0;
    TAILQ_FOREACH(c, &s->conns, link) {
        if (!c->is_unfinished || !c->peer) continue;
        size_t holds = c->peer->bytes / s->body_bytes;
        if (found && (holds < most || (holds == most && c->waiting_ms >= found->waiting_ms))) continue;
        found = c;
        most = holds;
    }
    return found;
}

static void keep_budget(struct conn *c)
{
    struct server *s = c->server;
    struct conn *victim;
    if (c->is_unfinished && c->peer && !c->peer->is_proxy && c->peer->unfinished > s->max_unfinished &&
        (victim = oldest_unfinished(s, c->peer)) != NULL)
        intake_refuse(victim, 503, too_many_unfinished);
    while (s->bytes > s->max_bytes && (victim = greediest(s)) != NULL) intake_refuse(victim, 503, too_many_bytes);
}

/* ---- reading ---- */

/* Whole requests that need no change stay where they are; returns their bytes. */
static size_t take_plain(struct conn *c, struct evbuffer *input, size_t from)
{
    struct evbuffer_ptr at;
    struct evbuffer_iovec v;
    size_t taken = 0, len;
    if (evbuffer_ptr_set(input, &at, from, EVBUFFER_PTR_SET) != 0 || evbuffer_peek(input, -1, &at, &v, 1) < 1) return 0;
    while ((len = framing_plain(&c->framing, (char *)v.iov_base + taken, v.iov_len - taken)) > 0) {
        taken += len;
        handed_on(c, len);
    }
    return taken;
}

/* Takes everything out of input; whole requests go to out. */
static void sort(struct conn *c, struct evbuffer *input, struct evbuffer *out)
{
    struct evbuffer_iovec v;
    while (c->framing.state != FRAMING_REFUSED && evbuffer_peek(input, -1, NULL, &v, 1) > 0) {
        size_t before = evbuffer_get_length(out);
        evbuffer_drain(input, framing_read(&c->framing, v.iov_base, v.iov_len));
        if (c->framing.state != FRAMING_WHOLE) continue;
        if (framing_hand_on(&c->framing, out))
            handed_on(c, evbuffer_get_length(out) - before);
        else
            framing_refuse(&c->framing, 503, "There is no memory for the request");
    }
    evbuffer_drain(input, evbuffer_get_length(input));
}

static void tell_continue(const struct conn *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    bool is_idle = !c->req && c->begun == c->handed_on && evbuffer_get_length(bufferevent_get_output(c->bev)) == 0;
    if (is_idle && framing_waits_for_continue(&c->framing))
        send(bufferevent_getfd(c->bev), text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The last n bytes of input are new. */
static void take(struct conn *c, struct evbuffer *input, size_t n)
{
    size_t keep = evbuffer_get_length(input) - n;
    bool was_refused = c->framing.state == FRAMING_REFUSED;
    if (c->framing.state == FRAMING_HEAD && c->framing.held.len == 0) keep += take_plain(c, input, keep);
    if (keep == evbuffer_get_length(input)) return;
    struct evbuffer *out = evbuffer_new();
    if (!out || (keep > 0 && evbuffer_remove_buffer(input, out, keep) < 0)) {
        conn_cut(c);
    } else if (was_refused) {
        evbuffer_drain(input, evbuffer_get_length(input));
    } else {
        sort(c, input, out);
    }
    if (out) {
        evbuffer_add_buffer(input, out);
        evbuffer_free(out);
    }
    if (c->framing.state == FRAMING_REFUSED && !was_refused) hand_on_refused(c);
    tell_continue(c);
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *change, void *arg)
{
    struct conn *c = arg;
    if (change->n_added == 0 || c->is_reading) return;
    c->is_reading = true;
    if (c->is_cut)
        evbuffer_drain(input, evbuffer_get_length(input));
    else
        take(c, input, change->n_added);
    count(c);
    keep_budget(c);
    c->is_reading = false;
}

void intake_open(struct conn *c)
{
    framing_init(&c->framing, &c->server->rules);
    evbuffer_add_cb(bufferevent_get_input(c->bev), on_input, c);
}

void intake_close(struct conn *c)
{
    evbuffer_remove_cb(bufferevent_get_input(c->bev), on_input, c);
    framing_free(&c->framing);
    count_held(c, 0);
    count_unfinished(c, false);
    c->server->bytes -= c->working;
    c->working = 0;
}
