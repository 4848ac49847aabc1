/* What is asked of PostgreSQL to tell why something is as it is (services/why). Each gives one JSON object. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_WATCH_WHY_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_WATCH_WHY_READ_H

#include "services/store/db/pool.h"

/* {"types","runs","leases","holds"}: how each type is and what the scheduler knows of it; the runs that have not ended;
 * leases that are held; deletions that are not believed. */
extern const struct query query_why_plant;
/* $1 a name, path, GUID, job or offer number, or "#12" for our id; $2 directory, project, elevation or "" for any of
 * them, $3 how many of each at most: [{"kind","id","name","way","is_gone"}], the living first. */
extern const struct query query_why_find;
/* $1 our id: the object, when it was read, and what keeps it. */
extern const struct query query_why_directory, query_why_project, query_why_elevation;

#endif
