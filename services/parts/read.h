/* What is read from a parts list: the enrichment of its elevation, and the glass. */
#ifndef LOGIKALD_SERVICES_PARTS_READ_H
#define LOGIKALD_SERVICES_PARTS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/err.h"
#include "services/store/sync/parts/parts_store.h"

struct unframer;

/* Grows whenever a list would be read differently than before: what an older reader has read is read again. */
#define PARTS_READER 6

/* Reads the file into data (parts_data_free it, also after an error). name and id are those of the elevation that it
 * belongs to, which tell its row when there are several (NULL = not known). 0; -ERR_INPUT (no row in Elevations, or
 * damaged), -ERR_TIMEOUT, -ERR_LIMIT, -ERR_NOMEM. data->problem tells, when it is not empty, what was left out or had
 * to be changed: then it was read in part. */
int parts_read(const void *bytes, size_t len, const char *name, const char *id, struct parts_data *data,
               struct err *err);
/* The same of a packed file (unframer_open). */
int parts_read_frames(struct unframer *frames, const char *name, const char *id, struct parts_data *data,
                      struct err *err);

#endif
