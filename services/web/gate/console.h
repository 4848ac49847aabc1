/* An administrator's session while PostgreSQL is away: a second cookie, signed under SECRET_KEY and bound to the
 * session's token, role, name and password, says who logged in and until when. It opens what can be done without
 * PostgreSQL: the page of the processes with their logs, and telling the supervisor to start, restart, stop and reload.
 * A session that this process knows to be over is not opened by it; that of somebody who logged out while PostgreSQL
 * was away may be, until its time is over, by whoever kept both cookies. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_CONSOLE_H
#define LOGIKALD_SERVICES_WEB_GATE_CONSOLE_H

#include "services/web/gate/route.h"
#include "services/web/http/req.h"

#define CONSOLE_COOKIE "logikald_console"

/* To the answer; token NULL: removes it. */
void console_set_cookie(struct req *r, const char *token, bool is_viewer);
bool console_is_for(const struct route *route);
/* Is this operation one of those, and the request's cookie right? Then r->who is who it says. token: the session's. */
bool console_opens(struct req *r, const char *token);
/* The session (the hash of its token) is over: its cookie opens nothing in this process any more. */
void console_close(const char *session);

#endif
