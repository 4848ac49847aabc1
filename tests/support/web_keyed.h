/* A supervisor over web, whose keys stand in its file: one for each program. */
#ifndef LOGIKALD_TESTS_SUPPORT_WEB_KEYED_H
#define LOGIKALD_TESTS_SUPPORT_WEB_KEYED_H

#include "tests/support/web.h"

struct web_keys {
    const char *jwt, *jwt_previous, *session, *session_previous;
};

/* With PostgreSQL; web is ready when this returns. */
void web_keyed_start(struct web_server *w, const struct web_keys *keys);
/* With these keys from now on: another web process is the only one when this returns. */
void web_keyed_reload(struct web_server *w, const struct web_keys *keys);

#endif
