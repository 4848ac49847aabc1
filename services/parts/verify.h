/* Is this file a parts list that can be read? Looks at the bytes only, in memory, as something that a stranger wrote.
 */
#ifndef LOGIKALD_SERVICES_PARTS_VERIFY_H
#define LOGIKALD_SERVICES_PARTS_VERIFY_H

#include <stddef.h>

#include "conf/err.h"

struct unframer;

/* What is read of a row of Elevations, in the order of parts_data: its texts, then its numbers; NULL ends it. A column
 * that is not there is no error of the file. */
extern const char *const parts_columns[];

/* 0, or -ERR_LIMIT (too large), -ERR_INPUT (no SQLite file, damaged, no parts list: err says why), -ERR_NOMEM. */
int parts_verify(const void *bytes, size_t len, struct err *err);
int parts_verify_frames(struct unframer *frames, struct err *err); /* of a packed file (unframer_open) */

#endif
