/* Which tables of a parts list become stored lines, and which of their columns are which: the one table of it. Names
 * are those that ERP add-ons read; another version of the upstream has others, and what is not there is NULL. */
#ifndef LOGIKALD_SERVICES_PARTS_LINE_KINDS_H
#define LOGIKALD_SERVICES_PARTS_LINE_KINDS_H

#include <stdbool.h>

#include "services/store/sync/parts/parts_store.h"

enum line_type { LINE_TEXT, LINE_NUMBER };
/* A column of parts_lines_typed, and where it comes from: the first of these that the table has. */
struct line_column {
    const char *name;
    const char *key; /* the name as it stands before a value in an object: ,"name": */
    enum line_type type;
    const char *from[2];
};
#define LINE_COLUMNS 24
struct line_kind {
    const char *kind;
    const char *tables[2]; /* the first that is there */
    bool is_part;          /* its lines are what parts_count counts */
    struct line_column columns[LINE_COLUMNS];
};
extern const struct line_kind line_kinds[PARTS_KINDS];

/* The kind that a table may be read as, NULL = none. */
const struct line_kind *line_kind_of(const char *table);

#endif
