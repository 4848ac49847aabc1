/* A database with our schema and nothing else, for tests of what the store's functions do to its rows. */
#ifndef LOGIKALD_TESTS_SUPPORT_STORE_H
#define LOGIKALD_TESTS_SUPPORT_STORE_H

#include "services/store/db/db.h"
#include "tests/support/support.h"
#include "tests/support/test.h"

struct store {
    struct pg_server pg;
    struct db *db;
    struct err err; /* of the function that is tried */
};
void store_start(struct store *s);
void store_stop(struct store *s);
/* Nothing of the upstream, its syncs and their stages but project 1 in directory 1, with phase 1 and elevation 1 in it.
 */
void store_one_elevation(struct store *s);

void store_sql(struct store *s, const char *text);   /* statements that must succeed */
char *store_value(struct store *s, const char *sql); /* the first cell of the first row, "" if none; free() it */
int64_t store_int(struct store *s, const char *sql); /* the same as a number */
/* The first cell of the first row of an SQL text is this. */
#define store_expect(s, text, sql) store_expect_at(s, text, sql, __FILE__, __LINE__)
void store_expect_at(struct store *s, const char *text, const char *sql, const char *file, int line);
/* All cells of a result, which is cleared: "a b; c d" for two rows of two. In a buffer that the next call overwrites.
 */
const char *store_rows(PGresult *r);

#endif
