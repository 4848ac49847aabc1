/* Connections: how many there may be, of all and of one address, who gives way when there are too many, and how long
 * each may take.
 *
 * evhttp does not tell when a connection ends, so each one's bufferevent is made here and held by a reference: once
 * evhttp has let go of it (its callbacks are gone), the connection is over. A connection is cut by shutting its socket
 * down; evhttp then cleans up as after any other loss. */
#include "services/web/http/server_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <event2/buffer.h>
#include <event2/listener.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/machine/random.h"

#define DRAIN_IDLE_MS   500          /* an idle keep-alive connection gets this long for a last request */
#define SLOWEST_BYTES_S 16384        /* a reader must take an answer at least this fast */
#define WRITE_BYTES     (512u << 10) /* at once; libevent's 16 KiB make 60 turns of the loop of a large list */
#define TELL_MS         10000        /* between two lines about connections that were turned away */

/* ---- what it sends ---- */

void conn_write(struct conn *c)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    evbuffer_unfreeze(out, 1);
    evbuffer_write_atmost(out, bufferevent_getfd(c->bev), WRITE_BYTES);
    evbuffer_freeze(out, 1);
    if (evbuffer_get_length(out) > 0 || c->is_written) return;
    c->is_written = true;
    TAILQ_INSERT_TAIL(&c->server->written, c, written_link);
    event_active(c->server->sent, EV_TIMEOUT, 0);
}

static void written_leave(struct conn *c)
{
    if (c->is_written) TAILQ_REMOVE(&c->server->written, c, written_link);
    c->is_written = false;
}

void conns_sent(struct server *s)
{
    for (struct conn *c; (c = TAILQ_FIRST(&s->written)) != NULL;) {
        written_leave(c);
        /* evhttp takes the end of a writing for that of whichever request it has: it is told once */
        if (c->req && c->req->is_replied && evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
            bufferevent_trigger(c->bev, EV_WRITE, 0);
    }
}

/* ---- the end of one ---- */

static bool conn_is_over(const struct conn *c)
{
    bufferevent_event_cb on_event = NULL;
    bufferevent_getcb(c->bev, NULL, NULL, &on_event, NULL);
    return !on_event && !c->req;
}

static void uncount(struct conn *c)
{
    if (!c->is_counted) return;
    c->is_counted = false;
    c->server->stats.open--;
    if (c->peer) c->peer->connections--;
}

void conn_cut(struct conn *c)
{
    if (c->is_cut) return;
    c->is_cut = true;
    c->server->stats.cut++;
    uncount(c);
    shutdown(bufferevent_getfd(c->bev), SHUT_RDWR);
}

/* The connection is over, or will not be watched any more. */
static void conn_free(struct conn *c)
{
    struct server *s = c->server;
    TAILQ_REMOVE(&s->conns, c, link);
    written_leave(c);
    intake_close(c);
    uncount(c);
    peer_leave(c->peer);
    s->stats.connections--;
    bufferevent_decref(c->bev);
    free(c);
}

void conns_free(struct server *s)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freeing it takes it off the list */
    for (struct conn *c; (c = TAILQ_FIRST(&s->conns)) != NULL;) conn_free(c);
}

/* ---- time ---- */

/* No request of the connection is being worked on. */
static bool conn_is_waiting(const struct conn *c)
{
    return !c->req && c->begun == c->handed_on;
}

/* True when the connection has used up its time. */
static bool conn_is_late(const struct server *s, const struct conn *c, int64_t now)
{
    if (!c->req) return now - c->waiting_ms > (s->is_draining ? DRAIN_IDLE_MS : s->timeout_ms);
    const struct req *r = c->req;
    if (!r->is_replied && !r->more) return false;
    if (!r->is_replied) return now - r->piece_ms > s->timeout_ms + (int64_t)r->piece_bytes * 1000 / SLOWEST_BYTES_S;
    int64_t allowed = s->timeout_ms + (int64_t)r->bytes * 1000 / SLOWEST_BYTES_S;
    return now - r->started_us / 1000 > allowed + r->worked_ms;
}

static void conn_late(struct conn *c)
{
    if (c->is_unfinished && !c->is_cut && !c->server->is_draining) {
        intake_refuse(c, 408, "The request did not arrive in time");
        c->waiting_ms = mono_ms();
        return;
    }
    conn_cut(c);
}

void conns_sweep(struct server *s)
{
    int64_t now = mono_ms();
    for (struct conn *c = TAILQ_FIRST(&s->conns), *next; c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (!conn_is_over(c)) {
            if (conn_is_late(s, c, now)) conn_late(c);
            continue;
        }
        for (int fd = 0; fd < s->by_fd_size; fd++)
            if (s->by_fd[fd] == c) s->by_fd[fd] = NULL;
        conn_free(c);
    }
}

/* ---- number ---- */

/* The longest waiting connection that may give way to a new one: of this address, or (NULL) of whoever has most. Those
 * of trusted proxies come last: many stand behind each. */
static struct conn *find_victim(const struct server *s, const struct peer *peer, const struct conn *fresh)
{
    struct conn *c, *found = NULL;
    int most = -1;
    TAILQ_FOREACH(c, &s->conns, link) {
        if (c == fresh || !c->is_counted || !c->peer || !conn_is_waiting(c) || (peer && c->peer != peer)) continue;
        int has = c->peer->is_proxy ? 0 : c->peer->connections;
        if (found && (has < most || (has == most && c->waiting_ms >= found->waiting_ms))) continue;
        found = c;
        most = has;
    }
    return found;
}

static void turn_away(struct conn *c)
{
    static const char body[] = "{\"detail\":\"Too many connections are open: try again in a moment\"}";
    struct server *s = c->server;
    int fd = bufferevent_getfd(c->bev);
    char text[512], id[17];
    random_token_hex(id, 8);
    int len = snprintf(text, sizeof text,
                       "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                       "Retry-After: 1\r\nX-Request-ID: %s\r\nX-Content-Type-Options: nosniff\r\n"
                       "Cache-Control: no-store\r\nConnection: close\r\n\r\n%s",
                       sizeof body - 1, id, body);
    send(fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
    uncount(c);
    c->is_cut = true;
    bufferevent_disable(c->bev, EV_READ);
    linger(s->lingers, c->bev); /* so that what it sends is read, and no reset takes the answer away */
    bufferevent_trigger_event(c->bev, BEV_EVENT_READING | BEV_EVENT_EOF, BEV_TRIG_DEFER_CALLBACKS);
    s->stats.refused++;
    if (s->told_ms && mono_ms() - s->told_ms < TELL_MS) return;
    s->told_ms = mono_ms();
    log_warning("%d connections are open and all are at work: new ones are answered 503 (%lld so far)", s->stats.open,
                (long long)s->stats.refused);
}

static bool is_beyond(const struct server *s, const struct conn *c, bool *is_of_peer)
{
    *is_of_peer = !c->peer->is_proxy && c->peer->connections > s->max_per_address;
    return *is_of_peer || s->stats.open > s->max_connections;
}

static void make_room(struct server *s, struct conn *c)
{
    bool is_of_peer;
    if (!is_beyond(s, c, &is_of_peer)) return;
    conns_sweep(s); /* some may be over */
    while (is_beyond(s, c, &is_of_peer)) {
        struct conn *victim = find_victim(s, is_of_peer ? c->peer : NULL, c);
        if (!victim) {
            turn_away(c);
            return;
        }
        conn_cut(victim);
    }
}

/* ---- the beginning of one ---- */

/* Its first turn: the socket is known now. */
static void greet(struct server *s, struct conn *c)
{
    int fd = bufferevent_getfd(c->bev), yes = 1;
    struct sockaddr_storage socket;
    socklen_t len = sizeof socket;
    if (fd >= 0 && getpeername(fd, (struct sockaddr *)&socket, &len) == 0 &&
        address_of_socket((struct sockaddr *)&socket, &c->address))
        address_print(&c->address, c->address_text);
    c->peer = fd < 0 ? NULL : peer_enter(s->peers, &c->address, conf_str(s->web->conf, SET_HTTP_TRUSTED_PROXIES));
    if (!c->peer) {
        conn_cut(c);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    c->peer->connections++;
    c->peer->bytes += c->held;
    c->peer->unfinished += c->is_unfinished;
    make_room(s, c);
}

void conns_greet(struct server *s)
{
    struct conn *c = TAILQ_LAST(&s->conns, conns), *next;
    while (c && !c->peer && TAILQ_PREV(c, conns, link)) c = TAILQ_PREV(c, conns, link);
    for (; c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (!c->peer && !c->is_cut) greet(s, c);
    }
    if (!s->is_paused || s->is_draining) return;
    s->is_paused = false;
    evconnlistener_enable(evhttp_bound_socket_get_listener(s->bound));
}

struct bufferevent *conn_accept(struct event_base *base, void *server)
{
    struct server *s = server;
    struct conn *c = calloc(1, sizeof *c);
    /* Our reference outlives evhttp's, and with it the events of the descriptor: closed before them, its number would
     * be the next connection's, whose bytes they would read away. */
    struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    s->stats.accepted++;
    if (!c || !bev) { /* without memory it goes unwatched */
        free(c);
        return bev;
    }
    bufferevent_set_max_single_write(bev, WRITE_BYTES);
    bufferevent_incref(bev);
    *c = (struct conn){.server = s, .bev = bev, .waiting_ms = mono_ms(), .is_counted = true};
    intake_open(c);
    TAILQ_INSERT_TAIL(&s->conns, c, link);
    s->stats.connections++;
    s->stats.open++;
    event_active(s->fresh, EV_TIMEOUT, 0);
    if (s->stats.open > s->max_connections + CONNECTIONS_SLACK && s->bound) { /* until the loop turns */
        s->is_paused = true;
        evconnlistener_disable(evhttp_bound_socket_get_listener(s->bound));
    }
    return bev;
}

struct conn *conn_of(struct server *s, struct evhttp_connection *connection)
{
    struct bufferevent *bev = evhttp_connection_get_bufferevent(connection);
    int fd = bufferevent_getfd(bev);
    if (fd < 0) return NULL;
    if (fd >= s->by_fd_size) {
        int size = fd + 64;
        struct conn **grown = realloc(s->by_fd, (size_t)size * sizeof(struct conn *));
        if (!grown) return NULL;
        memset(grown + s->by_fd_size, 0, (size_t)(size - s->by_fd_size) * sizeof(struct conn *));
        s->by_fd = grown;
        s->by_fd_size = size;
    }
    struct conn *c = s->by_fd[fd];
    if (c && c->bev == bev) return c;
    TAILQ_FOREACH(c, &s->conns, link)
        if (c->bev == bev) break;
    return s->by_fd[fd] = c;
}
