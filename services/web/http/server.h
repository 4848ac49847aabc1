/* Sockets: listening, connections and their deadlines, and the requests that are under way. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_SERVER_H
#define LOGIKALD_SERVICES_WEB_HTTP_SERVER_H

#include "conf/text/address.h"
#include "conf/err.h"
#include "services/web/http/message/head.h"
#include "services/web/http/hooks.h"
#include "services/web/http/req.h"

/* Listens on the inherited socket, or on HOST:PORT; takes connections from server_open on. hooks must outlive the
 * server. NULL with err. */
struct server *server_new(struct web *web, const struct http_hooks *hooks, struct err *err);
void server_open(struct server *s);
/* The end, in two steps: see server.c. All connections are cut; requests that wait for an answer stay, without a
 * client, until they are answered or server_free frees them. NULL is fine for both. */
void server_close(struct server *s);
void server_free(struct server *s);

/* No new connections, idle ones are closed, answers say "Connection: close"; done is called when all is sent. */
void server_drain(struct server *s, void (*done)(void *arg), void *arg);
int server_port(const struct server *s);

void server_request_began(struct server *s, struct req *r);
void server_request_ended(struct server *s, struct req *r); /* r is about to be freed */
void server_write(const struct req *r); /* its whole answer, now, as much of it as the socket takes */
const struct http_hooks *server_hooks(const struct server *s);
bool server_is_draining(const struct server *s);
/* Why this request is refused whatever it is (its bytes were not sound, or too many); NULL: it is not. */
const struct refusal *server_refusal(const struct req *r);
/* The address at the other end of the connection, and as text; NULL: there is none (any more), or it is no IP address.
 */
const struct address *server_client(const struct req *r, const char **text);

struct server_stats {
    int connections, requests;
    int open;                       /* connections that count: not those that were cut and are about to end */
    int64_t accepted, refused, cut; /* refused: told 503; cut: too slow, or to make room */
};
void server_stats(const struct server *s, struct server_stats *out);

#endif
