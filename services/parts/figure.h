/* Figures of a parts list's rows: what bills of materials add up, in all the digits that the file has. */
#ifndef LOGIKALD_SERVICES_PARTS_FIGURE_H
#define LOGIKALD_SERVICES_PARTS_FIGURE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "conf/text/buf.h"

/* Adds key and the column's number. True: it was added, or the text there is an empty one, which is no number and
 * nothing to tell. False: what is there is none that can be counted with, and *why tells what it is instead. */
bool figure_add(struct buf *out, const char *key, sqlite3_stmt *row, int column, const char **why);

#endif
