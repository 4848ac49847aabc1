/* Is this file a parts list that can be read? Looks at the bytes only, in memory, as something that a stranger wrote.
 */
#ifndef LOGIKALD_SERVICES_PARTS_VERIFY_H
#define LOGIKALD_SERVICES_PARTS_VERIFY_H

#include <stddef.h>

#include "conf/err.h"

/* 0, or -ERR_LIMIT (too large), -ERR_INPUT (no SQLite file, damaged, a table or column is missing: err says which),
 * -ERR_NOMEM. */
int parts_verify(const void *bytes, size_t len, struct err *err);

#endif
