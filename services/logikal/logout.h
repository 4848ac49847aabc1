/* Logging out of a session that somebody else has left open. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_LOGOUT_H
#define LOGIKALD_SERVICES_LOGIKAL_LOGOUT_H

#include <stdbool.h>

struct conf;

/* Blocks for at most five seconds. True: the session is over, by this or before; false: nobody knows, try again later.
 */
bool logikal_logout(const struct conf *conf, const char *token);

#endif
