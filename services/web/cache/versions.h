/* Version counters of the tables, fetched so cheaply that every request can ask: at most one statement is under way,
 * and those who ask meanwhile share the next one. An answer made from a table is current while its counter stands. */
#ifndef LOGIKALD_SERVICES_WEB_CACHE_VERSIONS_H
#define LOGIKALD_SERVICES_WEB_CACHE_VERSIONS_H

#include <stdint.h>

#include "conf/err.h"
#include "services/web/web.h"

enum version_table {
    VERSION_DIRECTORIES,
    VERSION_PROJECTS,
    VERSION_PHASES,
    VERSION_ELEVATIONS,
    VERSION_GLASS,
    VERSION_INTERVALS,
    VERSION_CLIENTS,
    VERSION_SESSIONS,
    VERSION_COUNT
};
struct table_versions {
    int64_t of[VERSION_COUNT];
};

/* err is NULL when it went well. Called later, from the loop, exactly once. */
typedef void (*versions_fn)(void *arg, const struct table_versions *v, const struct err *err);

struct versions *versions_new(struct web *web); /* NULL without memory */
void versions_free(struct versions *v);         /* who still waits is not called */
void versions_get(struct versions *v, versions_fn fn, void *arg);
void versions_forget(struct versions *v, const void *arg); /* who asked with it is not called any more */

#endif
