/* The tables of a parts list as the field has them: 71 of them, with the columns that are known by name. */
#ifndef LOGIKAL_SIM_PARTS_SCHEMA_H
#define LOGIKAL_SIM_PARTS_SCHEMA_H

#include <sqlite3.h>

/* Makes the tables and all of their rows that are the same in every parts list of this size; the rows of Elevations,
 * Insertions and Glass are not among them. */
void parts_make_tables(sqlite3 *db);
/* The few tables that a reader asks for. */
void parts_make_few_tables(sqlite3 *db);

#endif
