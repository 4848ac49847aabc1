/* The lines of a parts list: what an ERP buys and makes by, each as an object with the columns of parts_lines_typed,
 * and the list of all its tables. */
#ifndef LOGIKALD_SERVICES_PARTS_LINES_H
#define LOGIKALD_SERVICES_PARTS_LINES_H

#include "services/parts/image.h"
#include "services/store/sync/parts/parts_store.h"

#define LINES_MAX       20000             /* of a kind */
#define LINES_BYTES_MAX (8 * 1024 * 1024) /* of a kind, as JSON */

/* Reads lines and tables into data, and counts (parts_count, own_parts; data->file_row says whose; elevations: rows of
 * Elevations). A table that cannot
 * be read is told in data->problem, and keeps none of the others out. 0, -ERR_TIMEOUT, -ERR_NOMEM. */
int parts_lines_read(struct image *image, int64_t elevations, struct parts_data *data, struct err *err);

#endif
