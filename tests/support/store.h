/* A database with our schema and nothing else, for tests of what the store's functions do to its rows. */
#ifndef LOGIKALD_TESTS_SUPPORT_STORE_H
#define LOGIKALD_TESTS_SUPPORT_STORE_H

#include "services/store/db/db.h"
#include "services/store/lease.h"
#include "services/store/sync/staging/sync_stage.h"
#include "tests/support/support.h"
#include "tests/support/test.h"

struct store {
    struct pg_server pg;
    struct db *db;
    struct lease lease; /* of store_lease */
    struct stage stage; /* of store_stage */
    struct err err;     /* of the function that is tried */
};
void store_start(struct store *s);
void store_stop(struct store *s);
void store_lease(struct store *s, const char *name); /* holds it for ten minutes */
void store_stage(struct store *s, const char *name); /* the same, and opens a stage under it */
/* Nothing of the upstream, its syncs and their stages but project 1 in directory 1, with phase 1 and elevation 1 in it.
 */
void store_one_elevation(struct store *s);

/* Statements that must succeed; STAGE stands for the number of the stage that is open. */
void store_sql(struct store *s, const char *text);
char *store_value(struct store *s, const char *sql); /* the first cell of the first row, "" if none; free() it */
int64_t store_int(struct store *s, const char *sql); /* the same as a number */
/* The first cell of the first row of an SQL text is this. */
#define store_expect(s, text, sql) store_expect_at(s, text, sql, __FILE__, __LINE__)
void store_expect_at(struct store *s, const char *text, const char *sql, const char *file, int line);
/* All cells of a result, which is cleared: "a b; c d" for two rows of two. In a buffer that the next call overwrites.
 */
const char *store_rows(PGresult *r);

/* The store of a test program, s, with the fixtures start and stop, and what its tests say of it. What comes in the
 * parentheses is done at the start: nothing, store_lease or store_stage. */
#define STORE_WORLD(...)                                                                                               \
    static struct store s;                                                                                             \
    FIXTURE(start)                                                                                                     \
    {                                                                                                                  \
        store_start(&s);                                                                                               \
        __VA_ARGS__;                                                                                                   \
        return 0;                                                                                                      \
    }                                                                                                                  \
    FIXTURE(stop)                                                                                                      \
    {                                                                                                                  \
        store_stop(&s);                                                                                                \
        return 0;                                                                                                      \
    }                                                                                                                  \
    static void sql(const char *text)                                                                                  \
    {                                                                                                                  \
        store_sql(&s, text);                                                                                           \
    }
#define expect(text, sql) store_expect(&s, text, sql)

#endif
