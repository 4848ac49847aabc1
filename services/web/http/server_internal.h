/* Between server.c (listening, requests, draining), conns.c (connections: their number and their time) and intake.c
 * (their bytes). */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_SERVER_INTERNAL_H
#define LOGIKALD_SERVICES_WEB_HTTP_SERVER_INTERNAL_H

#include <sys/queue.h>
#include <event2/bufferevent.h>

#include "services/web/http/message/framing.h"
#include "services/web/http/hooks.h"
#include "services/web/http/linger.h"
#include "services/web/http/peers.h"
#include "services/web/http/server.h"

#define CONNECTIONS_SLACK 64 /* beyond the cap, for one turn of the loop: until those too many are told 503 */

struct conn {
    TAILQ_ENTRY(conn) link; /* oldest first */
    TAILQ_ENTRY(conn) written_link;
    struct server *server;
    struct bufferevent *bev;
    struct req *req;                 /* the one under way */
    struct peer *peer;               /* NULL until the loop turns after it was accepted */
    struct address address;          /* of the socket's other end */
    char address_text[ADDRESS_TEXT]; /* "" when it has none */
    struct framing framing;
    int64_t waiting_ms;        /* since when it waits for a request, or for the rest of one */
    size_t held, working;      /* bytes counted of a request that is not whole, and of those handed on */
    unsigned handed_on, begun; /* requests */
    bool is_unfinished, is_reading, is_counted, is_cut;
    bool is_written; /* its answer is out, and evhttp does not know it yet */
};
TAILQ_HEAD(conns, conn);

struct server {
    struct web *web;
    const struct http_hooks *hooks;
    struct evhttp *http;
    struct evhttp_bound_socket *bound;
    struct event *sweep, *fresh, *sent;
    struct lingers *lingers;
    struct peers *peers;
    struct conns conns, written;
    struct conn **by_fd;
    int by_fd_size;
    struct req *requests;
    struct framing_rules rules;
    int64_t timeout_ms, told_ms;
    size_t body_bytes;       /* the largest body */
    size_t bytes, max_bytes; /* of requests under way, in all connections */
    int max_connections, max_per_address, max_unfinished, port;
    bool is_draining, is_paused, is_closed;
    void (*drained)(void *arg);
    void *drained_arg;
    struct server_stats stats;
};

/* ---- conns.c ---- */
struct bufferevent *conn_accept(struct event_base *base, void *server); /* for evhttp */
void conns_greet(struct server *s);                                     /* in the turn after */
void conns_sweep(struct server *s);                                     /* deadlines, and those that are over */
void conns_free(struct server *s);
struct conn *conn_of(struct server *s, struct evhttp_connection *connection); /* NULL: it is not watched */
void conn_cut(struct conn *c);
/* Sends what the socket takes at once of a whole answer that evhttp has just been given, so that no turn of the loop is
 * needed to hear that it may be written; evhttp is told of its end in this turn. What is left goes the usual way. */
void conn_write(struct conn *c);
void conns_sent(struct server *s); /* in the same turn: of all that were sent so */

/* ---- intake.c ---- */
void intake_open(struct conn *c);
void intake_close(struct conn *c);
void intake_request_ended(struct conn *c);
/* The request that is not whole is refused, now. */
void intake_refuse(struct conn *c, int status, const char *text);

#endif
