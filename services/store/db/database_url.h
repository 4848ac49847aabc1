/* DATABASE_URL: libpq reads it; this room refuses what libpq would take apart in another way than it was meant, because
 * its messages then quote pieces of the password as if they were a host, a port or a database. */
#ifndef LOGIKALD_SERVICES_STORE_DB_DATABASE_URL_H
#define LOGIKALD_SERVICES_STORE_DB_DATABASE_URL_H

#include <libpq-fe.h>

#include "conf/err.h"

/* The URL's options, to be released with PQconninfoFree; NULL with err, which shows nothing of the URL. */
PQconninfoOption *database_url_parse(const char *url, struct err *err);

#endif
