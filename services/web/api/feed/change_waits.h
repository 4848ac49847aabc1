/* Readers of the journal that wait for something new. While there are any, one statement every CHANGE_WAITS_MS asks for
 * the newest change, however many wait. Nobody holds a connection or a place. */
#ifndef LOGIKALD_SERVICES_WEB_API_FEED_CHANGE_WAITS_H
#define LOGIKALD_SERVICES_WEB_API_FEED_CHANGE_WAITS_H

#include "services/web/http/req.h"

#define CHANGE_WAITS_MS   100
#define CHANGE_WAITS_LOOK 5 /* turns of the timer between two looks for clients that have gone */
#define CHANGE_WAITS_MAX  512
#define CHANGE_WAITS_OWN  64 /* of one client, so that others can wait as well */

struct change_waits;
struct change_waits *change_waits_new(struct web *web); /* NULL without memory */
void change_waits_free(struct change_waits *w);         /* after the server; NULL is fine */

/* To be asked before the reader looks, so that what comes meanwhile wakes it. */
uint64_t change_waits_seen(const struct change_waits *w);
/* Calls again(r), once, when there may be something new since seen; at the deadline (monotonic, ms), when the client
 * has closed its side of the connection, or when the process stops, calls last(r) instead (who has only closed half of
 * it reads the answer). r->state is kept. False: too many wait already, of all or of this client. */
bool change_waits_add(struct change_waits *w, struct req *r, uint64_t seen, int64_t deadline_ms,
                      void (*again)(struct req *r), void (*last)(struct req *r));

#endif
