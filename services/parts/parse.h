/* One stored parts list, from the database and back into it. */
#ifndef LOGIKALD_SERVICES_PARTS_PARSE_H
#define LOGIKALD_SERVICES_PARTS_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/err.h"

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

/* Reads the elevation's parts list: an enum parse_outcome (why has the text of PARTIAL, FAILED, INVALID), or -ERR_DB.
 */
int parts_parse(struct db *db, int64_t elevation_id, bool force, struct err *why, struct err *err);

#endif
