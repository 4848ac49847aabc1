/* What the pages show of a parts list: its tables with their number of rows, and the first rows of each. Made where the
 * list is read, in a confined runner, and kept beside it, so that whoever shows it opens no file. */
#ifndef LOGIKALD_SERVICES_PARTS_PREVIEW_H
#define LOGIKALD_SERVICES_PARTS_PREVIEW_H

#include <stddef.h>

#define PREVIEW_ROWS    5
#define PREVIEW_COLUMNS 24
#define PREVIEW_CELL    80           /* characters */
#define PREVIEW_BYTES   (16u * 1024) /* from then on, tables are told without rows */
#define PREVIEW_MS      500

/* {"tables": [{"name", "count", "columns": [...], "rows": [{"cells": [...]}], "more": true|false}]} with `problem` when
 * not all could be read; to be freed. NULL: it cannot be opened, or there is no memory. Never takes long, and never
 * more than a few hundred KiB, whatever the file does. */
char *parts_preview(const void *bytes, size_t len);
/* The same of one that is open, and of no use for anything else afterwards. */
struct image;
char *parts_preview_of(struct image *image);

#endif
