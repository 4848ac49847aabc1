/* Logging out of a session that somebody else has left open. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_FAREWELL_H
#define LOGIKALD_SERVICES_LOGIKAL_FAREWELL_H

struct conf;

/* Blocks for at most five seconds; whether it worked does not matter, since the session will expire anyway. */
void logikal_farewell(const struct conf *conf, const char *token);

#endif
