/* The timeline's part that lies in the run directory: what the supervisor has recorded of processes, for when
 * PostgreSQL is away. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_TIMELINE_TIMELINE_FILE_H
#define LOGIKALD_SERVICES_WEB_WATCH_TIMELINE_TIMELINE_FILE_H

#include <cjson/cJSON.h>

#include "services/web/web.h"

struct timeline_filter {
    const char *kind, *since, *until, *before; /* as query_timeline takes them; NULL or "" = all */
    int limit;
};

/* In the form of query_timeline; the caller's to delete. */
cJSON *timeline_from_file(const struct web *web, const struct timeline_filter *filter);
/* Why PostgreSQL cannot tell, in words; NULL = it can. The text lasts until the next call. */
const char *timeline_why_not(const struct web *web);

#endif
