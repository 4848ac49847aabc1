/* Files of parts lists made by SQL, and what the reader makes of them compared with what SQLite reads itself. */
#ifndef LOGIKALD_TESTS_SUPPORT_PARTS_PARTS_COMPARE_H
#define LOGIKALD_TESTS_SUPPORT_PARTS_PARTS_COMPARE_H

#include <sqlite3.h>

#include "services/parts/read.h"
#include "tests/support/test.h"

struct parts_image {
    unsigned char *bytes;
    sqlite3_int64 len;
};

/* A file with what this SQL makes. */
struct parts_image parts_file_make(const char *pragmas, const char *sql);
const struct parts_lines *parts_lines_of(const struct parts_data *data, const char *kind);
/* Reads it and compares every value of every known table: how many there were. */
int64_t parts_compare(const struct parts_image *file, const char *label);

#endif
