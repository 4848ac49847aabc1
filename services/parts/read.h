/* What is read from a parts list: the enrichment of its elevation, and the glass. */
#ifndef LOGIKALD_SERVICES_PARTS_READ_H
#define LOGIKALD_SERVICES_PARTS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/err.h"
#include "services/store/sync/parts_store.h"

/* Reads the file into data (parts_data_free it, also after an error). 0; -ERR_INPUT (no row in Elevations, or damaged),
 * -ERR_TIMEOUT, -ERR_LIMIT, -ERR_NOMEM. data->problem tells, when it is not empty, what was left out: then it was
 * read in part. */
int parts_read(const void *bytes, size_t len, struct parts_data *data, struct err *err);

#endif
