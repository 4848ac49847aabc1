/* What a request means that names a project or a directory. Only the best kind of match counts, in this order: the GUID
 * or identifier, the name of something that lives, the name of something that is gone, the row id. More than one row:
 * what was named is ambiguous. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_SYNC_FIND_H
#define LOGIKALD_SERVICES_STORE_SYNC_SYNC_FIND_H

#include <stdint.h>
#include <libpq-fe.h>

#include "conf/err.h"

struct db;

/* id, logikal_id, directory's chain, directory's identifier, directory's id, name. directory: row id of the one in
 * which names are looked for (a GUID is one wherever it is), 0 = everywhere. NULL on an error. */
PGresult *project_find(struct db *db, const char *wanted, int64_t directory, struct err *err);
/* id, identifier, chain, name. */
PGresult *directory_find(struct db *db, const char *wanted, struct err *err);

#endif
