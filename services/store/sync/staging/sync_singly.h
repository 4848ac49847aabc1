/* Rows of the stage that PostgreSQL does not take as a group are written one by one, so that the bad one is told by
 * name and stops no other. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_SINGLY_H
#define LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_SINGLY_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/err.h"

struct stage;

struct write {
    const char *type; /* of the objects, for people */
    const char *sql;  /* its last parameter is the one id that is to be written; NULL = all */
    int n;            /* parameters without that one; at most 6 */
    const char *const *values;
    const char *ids_sql; /* the ids of the group; its parameters are the first ids_n of values */
    int ids_n;
};

/* Inside a transaction: how many rows were written, or negative. singly: each id in a savepoint of its own; what is
 * refused is told to the stage, and counted in *refused. */
int64_t stage_write(const struct stage *stage, const struct write *w, bool singly, int64_t *refused, struct err *err);

#endif
