/* A sync of one project by its GUID, name or row id: where it is comes from the database, or from a search of the tree.
 */
#ifndef LOGIKALD_SERVICES_SYNC_ONE_H
#define LOGIKALD_SERVICES_SYNC_ONE_H

#include <stdbool.h>
#include <stdint.h>

#include "services/sync/run.h"

struct one_project {
    const char *wanted;    /* GUID, name or row id */
    const char *directory; /* identifier, name or row id; NULL = wherever it is */
    bool is_forced;        /* its lists are read even when nothing has moved */

    char guid[LOGIKAL_ID_SIZE];
    int64_t project_id, directory_id;
    char directory_identifier[1024];
    bool was_current; /* nothing had moved, so nothing was read */
};

/* The GUID that a request means, as far as the database knows: 1 and it is in guid; 0 (guid is as wanted); -ERR_DB. */
int one_project_guid(struct db *db, struct one_project *one, struct err *err);

/* 0, -ERR_NOT_FOUND (nowhere in the tree), or what ended it. Needs a connected run. */
int one_project_sync(struct sync_run *run, struct one_project *one, struct err *err);

#endif
