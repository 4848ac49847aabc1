/* Values of a parts list's rows: texts that are valid UTF-8, without U+0000 and no longer than their column in the
 * database, and numbers that are numbers. What had to be changed or left out is told in the data's problem. */
#ifndef LOGIKALD_SERVICES_PARTS_CELL_H
#define LOGIKALD_SERVICES_PARTS_CELL_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/text/buf.h"
#include "services/parts/image.h"
#include "services/store/sync/parts/parts_store.h"

/* Adds a text to data->problem, once, as long as there is room. */
void cell_problem(struct parts_data *data, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The column as a text, malloc'ed: at most `most` characters (0 = any number). NULL where it is NULL, or without
 * memory, which the image then knows. data NULL = nobody is told. */
char *cell_text(struct image *image, struct parts_data *data, sqlite3_stmt *row, int column, size_t most);

/* A number, or a text that is one; anything else is left out. */
void cell_number(struct image *image, struct parts_data *data, sqlite3_stmt *row, int column, struct parts_number *out);

#define CELL_JSON_MAX (1024 * 1024) /* a longer text stays in the file, and stands for itself by its size */

/* The column as a JSON value: a text, tidied as cell_text's; a number; {"bytes": n} of a BLOB or a text that is too
 * long; or null. data's problem tells what had to be changed, with the column's name behind table's ("" = alone); data
 * NULL = nobody is told. */
void cell_json(struct image *image, struct parts_data *data, const char *table, sqlite3_stmt *row, int column,
               struct buf *out);
/* "Table.Column". */
const char *cell_label(char out[200], const char *table, sqlite3_stmt *row, int column);
/* A decimal number and nothing else; the comma may be the decimal point. */
bool cell_is_number(const char *text, size_t len, double *out);
/* Neither so large nor so small that adding up and multiplying leave what a double has; text: what the value was read
 * from, or NULL (a double of it may be 0 where it is not). */
bool cell_is_countable(double value, const char *text);
/* Such a text as a number of JSON, in all its digits. */
void cell_add_decimal(struct buf *out, const char *text);
void cell_add_number(struct buf *out, double value); /* in as few digits as give it back; a finite one */

#endif
