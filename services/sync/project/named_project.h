/* A sync of one project by its GUID, name or row id: where it is comes from the database, or from a search of the tree.
 */
#ifndef LOGIKALD_SERVICES_SYNC_PROJECT_NAMED_PROJECT_H
#define LOGIKALD_SERVICES_SYNC_PROJECT_NAMED_PROJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "services/sync/run/run.h"
#include "services/sync/tree/vanish.h"

struct named_project {
    const char *wanted;     /* GUID, name, or, when nothing has that name, row id */
    const char *directory;  /* in which a name is meant: identifier, name, or row id; NULL = wherever it is */
    bool is_forced, is_dry; /* its lists are read even when nothing has moved */
    vanish_elsewhere_fn elsewhere;

    char guid[LOGIKAL_ID_SIZE];
    int64_t project_id, directory_id;
    char directory_identifier[1024];
    bool was_current; /* nothing had moved, so nothing was read */

    int64_t wanted_directory; /* row id of the directory, 0 = none was named, or it is not known */
    char *wanted_chain;
    cJSON *candidates; /* what was named is ambiguous: these are meant, maybe; NULL = it is not */
};

/* The GUID that a request means, as far as the database knows: 1 and it is in guid; 0 (guid is as wanted); -ERR_INPUT,
 * and candidates are there: it is ambiguous; -ERR_DB. named_project_clear when all is done. */
int named_project_guid(struct db *db, struct named_project *one, struct err *err);

/* 0, -ERR_NOT_FOUND (nowhere in the tree), -ERR_INPUT (ambiguous), or what ended it. Needs a connected run. */
int named_project_sync(struct sync_run *run, struct named_project *one, struct err *err);

void named_project_clear(struct named_project *one);

#endif
