/* evhttp and what it leaves to us: the listening socket, the requests that are under way, and draining. Connections are
 * in conns.c, their bytes in intake.c.
 *
 * Who owns a request: the server, from its last byte read to the moment when its answer is written or its client is
 * gone. Who works for it (PostgreSQL, Redis, the cache, a line of streams) keeps a bare pointer and answers once. So
 * that none of them can reach a request that is no more, the end comes in this order: server_close cuts the clients off
 * and leaves the requests; then the rooms that call back are closed; then server_free frees the requests that are left.
 * A room that keeps requests in a list of its own takes them out by req_on_end. */
#include "services/web/http/server_internal.h"

#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/listener.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/notify.h"
#include "services/web/http/reply_internal.h"
#include "services/web/http/sse.h"

#define SWEEP_MS        500
#define DRAIN_SWEEP_MS  50
#define HEADER_SLACK    8192
#define TIMEOUT_SLACK_S 5
#define FILES_SPARE     128 /* descriptors for everything but connections */

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
    if (r->conn) {
        r->conn->req = r;
        r->conn->begun++;
    }
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
        intake_request_ended(r->conn);
    }
    if (connection) evhttp_connection_set_closecb(connection, NULL, NULL);
}

void server_write(const struct req *r)
{
    if (r->conn) conn_write(r->conn);
}

const struct refusal *server_refusal(const struct req *r)
{
    const struct conn *c = r->conn;
    return c && c->framing.state == FRAMING_REFUSED && c->begun == c->handed_on ? &c->framing.refusal : NULL;
}

const struct address *server_client(const struct req *r, const char **text)
{
    const struct conn *c = r->conn;
    if (!c || !*c->address_text) return NULL;
    *text = c->address_text;
    return &c->address;
}

static void on_request(struct evhttp_request *ev, void *arg)
{
    struct server *s = arg;
    req_begin(s->web, ev);
}

static void on_fresh(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    conns_greet(arg);
}

static void on_sent(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    conns_sent(arg);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct server *s = arg;
    conns_sweep(s);
    check_drained(s);
}

/* What a body may be long, of whoever sends it: the route knows. */
static int64_t body_max(void *arg, struct framing_text method, struct framing_text path, struct refusal *why)
{
    const struct server *s = arg;
    return s->hooks->body_max(s->web, method, path, why);
}

/* ---- life ---- */

static int listen_on(const char *host, int64_t port, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    char service[16];
    snprintf(service, sizeof service, "%" PRId64, port);
    int rc = getaddrinfo(host, service, &hints, &found), yes = 1;
    if (rc != 0) return err_set(err, ERR_CONFIG, "HOST %s: %s", host, gai_strerror(rc));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
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
    socklen_t len = sizeof a;
    char service[16] = "0";
    if (getsockname(fd, (struct sockaddr *)&a, &len) == 0)
        getnameinfo((struct sockaddr *)&a, len, NULL, 0, service, sizeof service, NI_NUMERICSERV);
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

/* evhttp's own limits lie beyond ours, so that it never answers by itself. */
static void set_limits(struct server *s, const struct conf *conf)
{
    int64_t head_max = conf_int(conf, SET_HTTP_MAX_HEADERS), timeout_s = conf_int(conf, SET_HTTP_TIMEOUT);
    s->timeout_ms = timeout_s * 1000;
    s->max_connections = raise_files((int)conf_int(conf, SET_HTTP_MAX_CONNECTIONS));
    s->max_per_address = (int)conf_int(conf, SET_HTTP_MAX_PER_ADDRESS);
    s->max_unfinished = (int)conf_int(conf, SET_HTTP_MAX_UNFINISHED);
    s->body_bytes = (size_t)conf_int(conf, SET_HTTP_MAX_BODY);
    s->max_bytes = (size_t)conf_int(conf, SET_HTTP_MAX_BODIES);
    s->rules = (struct framing_rules){.head_max = (size_t)head_max, .body_max = body_max, .arg = s};
    evhttp_set_max_headers_size(s->http, head_max + HEADER_SLACK);
    evhttp_set_max_body_size(s->http, conf_int(conf, SET_HTTP_MAX_BODY) + HEADER_SLACK);
    evhttp_set_timeout(s->http, (int)timeout_s + TIMEOUT_SLACK_S);
}

struct server *server_new(struct web *web, const struct http_hooks *hooks, struct err *err)
{
    const struct conf *conf = web->conf;
    int fd = notify_listen_fd();
    if (fd < 0) fd = listen_on(conf_str(conf, SET_HTTP_HOST), conf_int(conf, SET_HTTP_PORT), err);
    if (fd < 0) return NULL;
    struct server *s = calloc(1, sizeof *s);
    if (s) TAILQ_INIT(&s->conns);
    if (s) TAILQ_INIT(&s->written);
    if (!s || !(s->http = evhttp_new(web->base)) || !(s->sweep = event_new(web->base, -1, EV_PERSIST, on_sweep, s)) ||
        !(s->fresh = event_new(web->base, -1, 0, on_fresh, s)) ||
        !(s->sent = event_new(web->base, -1, 0, on_sent, s)) || !(s->lingers = lingers_new(web->base)) ||
        !(s->peers = peers_new())) {
        server_free(s);
        close(fd);
        return err_set(err, ERR_NOMEM, "no memory"), NULL;
    }
    s->web = web;
    s->hooks = hooks;
    set_limits(s, conf);
    evhttp_set_default_content_type(s->http, NULL);
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                            EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH | EVHTTP_REQ_OPTIONS);
    evhttp_set_bevcb(s->http, conn_accept, s);
    evhttp_set_gencb(s->http, on_request, s);
    evutil_make_socket_nonblocking(fd);
    s->port = port_of(fd);
    s->bound = evhttp_accept_socket_with_handle(s->http, fd);
    if (!s->bound) {
        server_free(s);
        close(fd);
        return err_set(err, ERR_SYSTEM, "cannot accept connections"), NULL;
    }
    evconnlistener_disable(evhttp_bound_socket_get_listener(s->bound));
    event_add(s->sweep, &(struct timeval){.tv_usec = SWEEP_MS * 1000});
    return s;
}

void server_open(struct server *s)
{
    if (!s->is_draining && s->bound) evconnlistener_enable(evhttp_bound_socket_get_listener(s->bound));
}

void server_close(struct server *s)
{
    if (!s || s->is_closed) return;
    s->is_closed = true;
    sse_end_all();
    /* As if each client had gone: what is being sent ends, what is being worked on stays and has no connection. */
    for (struct conn *c = TAILQ_FIRST(&s->conns), *next; c; c = next) {
        next = TAILQ_NEXT(c, link);
        bufferevent_trigger_event(c->bev, BEV_EVENT_READING | BEV_EVENT_EOF, 0);
    }
    if (s->http) evhttp_free(s->http);
    s->http = NULL;
    s->bound = NULL;
}

void server_free(struct server *s)
{
    if (!s) return;
    server_close(s);
    while (s->requests) {
        struct evhttp_request *ev = s->requests->ev;
        req_free(s->requests);
        evhttp_request_free(ev);
    }
    conns_free(s);
    if (s->sweep) event_free(s->sweep);
    if (s->fresh) event_free(s->fresh);
    if (s->sent) event_free(s->sent);
    lingers_free(s->lingers);
    peers_free(s->peers);
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

int server_port(const struct server *s)
{
    return s->port;
}

void server_stats(const struct server *s, struct server_stats *out)
{
    *out = s->stats;
}
