/* Images of elevations as they are stored. Statements for pool_query; all parameters are text. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_PARTS_IMAGES_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_PARTS_IMAGES_READ_H

#include "services/store/db/pool.h"

#define IMAGES_STATEMENT_BYTES "1048576" /* of many thumbnails one statement brings: as much as this, at least one */
#define IMAGE_MAX_BYTES        "4194304" /* a larger one does not come among many */

extern const struct query query_elevation_image; /* (logikal_id or id) -> bytes, type, hash; binary */
/* (JSON list of ids, first): of the different ones among them, from the first on, as many as one statement brings, in
 * the order in which they were asked for: id, state (stored, none, too_large, unknown), bytes (NULL unless stored), a
 * line of what is known of it (JSON: elevation_id, name, state, sha256, size, fetched_at, error), how many different
 * ones there are; binary */
extern const struct query query_thumbnails_batch;

/* (elevation): id, state, bytes (only of what is stored), hash, error, name; binary. state: stored; coming (somebody is
 * at it); wanted (nobody is); gone (the elevation is, upstream); or the word of what went wrong lately (conf/err.h). */
extern const struct query query_drawing;
/* (elevation, who): who is at it from now on; a row when nobody else is. */
extern const struct query query_drawing_claim;
/* (elevation, who, error): who has given up, for whatever may pass by itself. */
extern const struct query query_drawing_unclaim;
/* (elevation, who): the same, and nothing is told of it. */
extern const struct query query_drawing_release;

#endif
