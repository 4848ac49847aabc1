/* Who is at the other end of the connections, and how much of the house it takes: one entry for each IPv4 address and
 * each /64 of IPv6 that has connections. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_PEERS_H
#define LOGIKALD_SERVICES_WEB_HTTP_PEERS_H

#include <sys/queue.h>

#include "conf/text/address.h"

struct peer {
    LIST_ENTRY(peer) link;
    struct address group;
    bool is_proxy;   /* many come through it */
    int connections; /* that are counted */
    int unfinished;  /* of those, with a request that has begun and is not whole */
    size_t bytes;    /* of such requests */
    int references;
};

struct peers;
struct peers *peers_new(void); /* NULL without memory */
void peers_free(struct peers *p);

/* The peer of a socket whose other end has this address (all zero: none), one reference of which is the caller's; NULL
 * without memory. */
struct peer *peer_enter(struct peers *p, const struct address *address, const char *trusted_proxies);
void peer_leave(struct peer *peer); /* NULL is fine */

#endif
