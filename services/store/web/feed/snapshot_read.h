/* The whole living copy, a page of one type after another, in the form of the journal: the fields of an object are
 * those whose changes the journal tells. For snapshot_query; all parameters are text. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_FEED_SNAPSHOT_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_FEED_SNAPSHOT_READ_H

#include "services/store/db/pool.h"

/* () -> the end of the journal as a cursor, for when nothing was under way; another one, below which all had ended;
 * whether nothing was under way; the snapshot as text. */
extern const struct query query_snapshot_head;

struct snapshot_type {
    const char *word;   /* elevation */
    struct query query; /* (after this key, at most) -> how many, last key, the objects as JSON, a line each */
};
extern const struct snapshot_type snapshot_types[];
extern const int snapshot_types_count;

#endif
