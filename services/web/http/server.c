/* evhttp and what it leaves to us: the listening socket, a cap on connections, deadlines for slow clients (a request
 * must arrive whole, and an answer must be taken, in time), and draining.
 *
 * evhttp does not tell when a connection ends, so each one's bufferevent is made here and held by a reference: once
 * evhttp has let go of it (its callbacks are gone), the connection is over. A slow connection is cut by shutting its
 * socket down; evhttp then cleans up as after any other loss. */
#include "services/web/http/server.h"

#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/notify.h"
#include "services/web/http/linger.h"
#include "services/web/http/refusal.h"
#include "services/web/http/reply_internal.h"
#include "services/web/http/sse.h"

#define SWEEP_MS          500
#define DRAIN_SWEEP_MS    50
#define DRAIN_IDLE_MS     500          /* an idle keep-alive connection gets this long for a last request */
#define SLOWEST_BYTES_S   16384        /* a reader must take an answer at least this fast */
#define HEADER_SLACK      8192         /* evhttp's own limit lies this far above ours, which answers properly */
#define FILES_SPARE       128          /* descriptors for everything but connections */
#define WRITE_BYTES       (512u << 10) /* at once; libevent's 16 KiB make 60 turns of the loop of a large list */
#define CONNECTIONS_SLACK 64           /* connections beyond the cap that are accepted to be told 503 */

struct conn {
    struct conn *next;
    struct server *server;
    struct bufferevent *bev;
    struct req *req;    /* the one under way */
    int64_t waiting_ms; /* since when it waits for a request */
    size_t received;    /* bytes of the request under way, or of the next one */
    bool is_cut;
    bool is_refused; /* evhttp answers by itself */
};

struct server {
    struct web *web;
    const struct http_hooks *hooks;
    struct evhttp *http;
    struct evhttp_bound_socket *bound;
    struct event *sweep, *refuse;
    struct lingers *lingers;
    struct conn *conns;
    struct conn **by_fd;
    int by_fd_size;
    struct req *requests;
    int64_t timeout_ms;
    int max_connections, port;
    bool is_draining, is_paused;
    void (*drained)(void *arg);
    void *drained_arg;
    struct server_stats stats;
};

/* ---- connections ---- */

static bool conn_is_over(const struct conn *c)
{
    bufferevent_event_cb on_event = NULL;
    bufferevent_getcb(c->bev, NULL, NULL, &on_event, NULL);
    return !on_event && !c->req;
}

static void conn_cut(struct server *s, struct conn *c)
{
    if (c->is_cut) return;
    c->is_cut = true;
    s->stats.cut++;
    shutdown(bufferevent_getfd(c->bev), SHUT_RDWR);
}

static void on_refuse(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct server *s = arg;
    for (struct conn *c = s->conns; c; c = c->next) {
        if (!c->is_refused) continue;
        c->is_refused = false;
        if (refusal_replace(s->web, c->bev, c->received)) linger(s->lingers, bufferevent_getfd(c->bev));
    }
}

/* Bytes that leave while no request of ours is under way are evhttp's own. They are looked at when all are there, and
 * before the loop sends them. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *change, void *arg)
{
    (void)output;
    struct conn *c = arg;
    if (change->n_added == 0 || c->req || c->is_refused) return;
    c->is_refused = true;
    event_active(c->server->refuse, EV_TIMEOUT, 0);
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *change, void *arg)
{
    (void)input;
    struct conn *c = arg;
    c->received += change->n_added;
}

/* The connection is over, or will not be watched any more. */
static void conn_free(struct conn *c)
{
    evbuffer_remove_cb(bufferevent_get_output(c->bev), on_output, c);
    evbuffer_remove_cb(bufferevent_get_input(c->bev), on_input, c);
    bufferevent_decref(c->bev);
    free(c);
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

static void conns_sweep(struct server *s)
{
    int64_t now = mono_ms();
    for (struct conn **at = &s->conns, *c; (c = *at) != NULL;) {
        if (!conn_is_over(c)) {
            if (conn_is_late(s, c, now)) conn_cut(s, c);
            at = &c->next;
            continue;
        }
        *at = c->next;
        for (int fd = 0; fd < s->by_fd_size; fd++)
            if (s->by_fd[fd] == c) s->by_fd[fd] = NULL;
        conn_free(c);
        s->stats.connections--;
    }
    struct evconnlistener *listener = s->bound ? evhttp_bound_socket_get_listener(s->bound) : NULL;
    if (s->is_paused && !s->is_draining && s->stats.connections < s->max_connections && listener) {
        s->is_paused = false;
        evconnlistener_enable(listener);
    }
}

static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
    struct server *s = arg;
    struct conn *c = calloc(1, sizeof(*c));
    /* Our reference outlives evhttp's, and with it the events of the descriptor: closed before them, its number would
     * be the next connection's, whose bytes they would read away. */
    struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    s->stats.accepted++;
    if (!c || !bev) return free(c), bev; /* without memory it goes unwatched */
    if (s->stats.connections >= s->max_connections) conns_sweep(s);
    bufferevent_set_max_single_write(bev, WRITE_BYTES);
    bufferevent_incref(bev);
    *c = (struct conn){.next = s->conns, .server = s, .bev = bev, .waiting_ms = mono_ms()};
    evbuffer_add_cb(bufferevent_get_output(bev), on_output, c);
    evbuffer_add_cb(bufferevent_get_input(bev), on_input, c);
    s->conns = c;
    s->stats.connections++;
    if (s->stats.connections > s->max_connections + CONNECTIONS_SLACK && s->bound) {
        s->is_paused = true;
        evconnlistener_disable(evhttp_bound_socket_get_listener(s->bound));
    }
    return bev;
}

static struct conn *conn_of(struct server *s, struct evhttp_connection *connection)
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
    int yes = 1; /* its first request: an answer must not wait for the peer's acknowledgement of another one */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    for (c = s->conns; c && c->bev != bev;) c = c->next;
    return s->by_fd[fd] = c;
}

/* ---- requests ---- */

static void on_closed(struct evhttp_connection *connection, void *arg)
{
    (void)connection;
    reply_client_gone(arg);
}

void server_request_began(struct server *s, struct req *r)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(r->ev);
    r->next = s->requests;
    r->link = &s->requests;
    if (r->next) r->next->link = &r->next;
    s->requests = r;
    s->stats.requests++;
    r->conn = connection ? conn_of(s, connection) : NULL;
    if (r->conn) r->conn->req = r;
    if (connection) evhttp_connection_set_closecb(connection, on_closed, r);
}

static void check_drained(struct server *s)
{
    if (!s->is_draining || s->stats.requests > 0 || s->stats.connections > 0 || !s->drained) return;
    void (*done)(void *) = s->drained;
    s->drained = NULL;
    done(s->drained_arg);
}

void server_request_ended(struct server *s, struct req *r)
{
    struct evhttp_connection *connection = r->is_gone ? NULL : evhttp_request_get_connection(r->ev);
    s->stats.requests--;
    if (r->conn && r->conn->req == r) {
        r->conn->req = NULL;
        r->conn->waiting_ms = mono_ms();
        r->conn->received = evbuffer_get_length(bufferevent_get_input(r->conn->bev));
    }
    if (connection) evhttp_connection_set_closecb(connection, NULL, NULL);
}

static void on_request(struct evhttp_request *ev, void *arg)
{
    struct server *s = arg;
    req_begin(s->web, ev);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct server *s = arg;
    conns_sweep(s);
    check_drained(s);
}

/* ---- life ---- */

static int listen_on(const char *host, int64_t port, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    char service[16];
    snprintf(service, sizeof(service), "%" PRId64, port);
    int rc = getaddrinfo(host, service, &hints, &found), yes = 1;
    if (rc != 0) return err_set(err, ERR_CONFIG, "HOST %s: %s", host, gai_strerror(rc));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
                   bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1024) == 0;
    if (!is_good) {
        err_errno(err, "cannot listen on %s port %" PRId64, host, port);
        if (fd >= 0) close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    char service[16] = "0";
    if (getsockname(fd, (struct sockaddr *)&a, &len) == 0)
        getnameinfo((struct sockaddr *)&a, len, NULL, 0, service, sizeof(service), NI_NUMERICSERV);
    return (int)strtol(service, NULL, 10);
}

/* Makes room for as many descriptors as wanted connections need; returns how many connections there is room for. */
static int raise_files(int wanted)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)wanted + CONNECTIONS_SLACK + FILES_SPARE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return wanted;
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= needed) return wanted;
    int room = (int)limit.rlim_cur - CONNECTIONS_SLACK - FILES_SPARE;
    if (room < 8) room = 8;
    log_warning("http.max_connections is %d, but descriptors (RLIMIT_NOFILE) suffice for %d", wanted, room);
    return room;
}

struct server *server_new(struct web *web, const struct http_hooks *hooks, struct err *err)
{
    const struct conf *conf = web->conf;
    int fd = notify_listen_fd();
    if (fd < 0) fd = listen_on(conf_str(conf, SET_HTTP_HOST), conf_int(conf, SET_HTTP_PORT), err);
    if (fd < 0) return NULL;
    struct server *s = calloc(1, sizeof(*s));
    if (!s || !(s->http = evhttp_new(web->base)) || !(s->sweep = event_new(web->base, -1, EV_PERSIST, on_sweep, s)) ||
        !(s->refuse = event_new(web->base, -1, 0, on_refuse, s)) || !(s->lingers = lingers_new(web->base))) {
        server_free(s);
        close(fd);
        return err_set(err, ERR_NOMEM, "no memory"), NULL;
    }
    s->web = web;
    s->hooks = hooks;
    s->timeout_ms = conf_int(conf, SET_HTTP_TIMEOUT) * 1000;
    s->max_connections = raise_files((int)conf_int(conf, SET_HTTP_MAX_CONNECTIONS));
    evhttp_set_max_headers_size(s->http, conf_int(conf, SET_HTTP_MAX_HEADERS) + HEADER_SLACK);
    evhttp_set_max_body_size(s->http, conf_int(conf, SET_HTTP_MAX_BODY));
    evhttp_set_timeout(s->http, (int)conf_int(conf, SET_HTTP_TIMEOUT));
    evhttp_set_default_content_type(s->http, NULL);
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                            EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH | EVHTTP_REQ_OPTIONS);
    evhttp_set_bevcb(s->http, on_accept, s);
    evhttp_set_gencb(s->http, on_request, s);
    evutil_make_socket_nonblocking(fd);
    s->port = port_of(fd);
    s->bound = evhttp_accept_socket_with_handle(s->http, fd);
    if (!s->bound) {
        server_free(s);
        close(fd);
        return err_set(err, ERR_SYSTEM, "cannot accept connections"), NULL;
    }
    event_add(s->sweep, &(struct timeval){.tv_usec = SWEEP_MS * 1000});
    return s;
}

void server_free(struct server *s)
{
    if (!s) return;
    while (s->requests) { /* not answered before the deadline of the drain */
        struct req *r = s->requests;
        struct evhttp_connection *connection = r->is_gone ? NULL : evhttp_request_get_connection(r->ev);
        if (connection) evhttp_connection_set_closecb(connection, NULL, NULL);
        evhttp_request_set_on_complete_cb(r->ev, NULL, NULL);
        if (!connection && !r->is_replied) evhttp_request_free(r->ev);
        req_free(r);
    }
    if (s->http) evhttp_free(s->http);
    for (struct conn *c; (c = s->conns) != NULL;) {
        s->conns = c->next;
        conn_free(c);
    }
    if (s->sweep) event_free(s->sweep);
    if (s->refuse) event_free(s->refuse);
    lingers_free(s->lingers);
    free(s->by_fd);
    free(s);
}

void server_drain(struct server *s, void (*done)(void *arg), void *arg)
{
    if (s->is_draining) return;
    s->is_draining = true;
    s->drained = done;
    s->drained_arg = arg;
    evconnlistener_disable(evhttp_bound_socket_get_listener(s->bound));
    event_add(s->sweep, &(struct timeval){.tv_usec = DRAIN_SWEEP_MS * 1000});
    sse_end_all();
}

const struct http_hooks *server_hooks(const struct server *s)
{
    return s->hooks;
}

bool server_is_draining(const struct server *s)
{
    return s->is_draining;
}

bool server_is_full(const struct server *s)
{
    return s->stats.connections > s->max_connections;
}

int server_port(const struct server *s)
{
    return s->port;
}

void server_stats(const struct server *s, struct server_stats *out)
{
    *out = s->stats;
}
