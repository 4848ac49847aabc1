/* Who asks, and whether that is allowed.
 *
 * Clients present a JWT (HS256) as "Authorization: Bearer"; admins the token of a session, as a cookie or as a bearer.
 * Both are looked up in PostgreSQL, so that a revoked client and a session that was logged out are out at once. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_AUTH_H
#define LOGIKALD_SERVICES_WEB_GATE_AUTH_H

#include "services/web/http/req.h"

#define AUTH_COOKIE "logikald_session"

/* Fills r->who and goes on with next; answers by itself when it cannot be found out (503). Credentials that are not
 * valid leave WHO_NOBODY. */
void auth_identify(struct req *r, void (*next)(struct req *r));
/* Before r, which goes on for long, is given more: r->who is found out anew. Meanwhile, and when they may no longer, r
 * counts for whom it came (req_owner). */
void auth_identify_again(struct req *r, void (*next)(struct req *r));
/* True when r->who may what r->route asks for; else it has answered (401, 403, or the way to the login page). */
bool auth_permits(struct req *r);

/* Whether r may have anything done, whatever its method: a viewer may not, nor may a client without sync:write. */
bool auth_may_start(const struct req *r);
/* Of a request that goes on for long: false when its admin session has run out, or no longer stands (session.h). That
 * its row is there still is for the caller to ask. */
bool auth_session_holds(struct req *r);

#endif
