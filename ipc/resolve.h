/* Names to addresses, in an event loop: the one room for PostgreSQL and Redis. Each call reads /etc/hosts and
 * /etc/resolv.conf anew, because both change while a process lives (a fail-over, a container's network); without a name
 * server the hosts file alone is asked. All addresses are given, the families in turn as RFC 8305 has them. */
#ifndef LOGIKALD_IPC_RESOLVE_H
#define LOGIKALD_IPC_RESOLVE_H

#include <stdbool.h>
#include <netinet/in.h>
#include <event2/event.h>

#define ADDRESSES_MAX 16

struct addresses {
    int count;
    char text[ADDRESSES_MAX][INET6_ADDRSTRLEN]; /* as digits */
};

struct resolve;
/* why is "" unless there is no address at all. Called once, later, from the loop; the struct is gone after the call,
 * and must not be cancelled in it. */
typedef void (*resolve_fn)(void *arg, const struct addresses *found, const char *why);

/* A host that is an address already, or "localhost", needs no server. NULL without memory. */
struct resolve *resolve_start(struct event_base *base, const char *host, resolve_fn fn, void *arg);
void resolve_cancel(struct resolve *r); /* fn will not be called; NULL is fine */

#endif
