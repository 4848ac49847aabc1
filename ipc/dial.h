/* A TCP connection to a host, made in an event loop: every address that the name has is tried in turn, the next one
 * when one is refused, or a quarter of a second after one that does not answer (RFC 8305); the first that stands wins.
 * There is no deadline here: the caller has one and cancels. */
#ifndef LOGIKALD_IPC_DIAL_H
#define LOGIKALD_IPC_DIAL_H

#include <event2/event.h>

#define DIAL_PACE_MS 250

struct dial;
/* fd is the caller's, or -1 with why. Called once, later, from the loop; the struct is gone after the call, and must
 * not be cancelled in it. */
typedef void (*dial_fn)(void *arg, int fd, const char *why);

struct dial *dial_start(struct event_base *base, const char *host, int port, dial_fn fn, void *arg); /* NULL: memory */
void dial_cancel(struct dial *d);                                                                    /* NULL is fine */

#endif
