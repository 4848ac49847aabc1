/* Stored parts lists, from the database and back into it, many at a time. */
#ifndef LOGIKALD_SERVICES_PARTS_PARSE_H
#define LOGIKALD_SERVICES_PARTS_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/err.h"
#include "services/store/sync/parts/parts_store.h"

struct db;

enum parse_outcome {
    PARSE_SUCCESS,
    PARSE_PARTIAL,
    PARSE_FAILED,
    PARSE_INVALID,
    PARSE_CURRENT,
    PARSE_NONE,
    PARSE_BUSY,
    PARSE_UNKNOWN
};
const char *parse_outcome_name(enum parse_outcome outcome); /* parse_status's word where there is one */

#define PARSE_MANY 256

/* Reads the parts lists of up to PARSE_MANY elevations: outcomes[i], with the text of PARTIAL and FAILED in whys[i]. 0,
 * or -ERR_DB (what was not stored waits to be read again). */
int parts_parse_many(struct db *db, const int64_t *ids, int n, struct parts_how how, enum parse_outcome *outcomes,
                     struct err *whys, struct err *err);

#endif
