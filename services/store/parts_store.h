/* The parser's side of the database: taking a parts list to read, storing what was read, and what went wrong. */
#ifndef LOGIKALD_SERVICES_STORE_PARTS_STORE_H
#define LOGIKALD_SERVICES_STORE_PARTS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libpq-fe.h>

#include "conf/err.h"

struct db;

enum { PARTS_TEXTS = 10, PARTS_NUMBERS = 4 };

struct parts_number {
    double value;
    bool is_set;
};
struct parts_glass {
    char *id, *name;
};
struct parts_data {
    /* auto_description, auto_description_short, width_unit, height_unit, weight_unit, area_unit, system_code,
     * system_name, system_long_name, color_base_long */
    char *texts[PARTS_TEXTS];
    struct parts_number numbers[PARTS_NUMBERS]; /* width, height, weight, area */
    struct parts_glass *glass;
    size_t glass_count, glass_cap;
    int64_t parts_count;
    char problem[200]; /* "" = everything was read */
};
void parts_data_free(struct parts_data *data);

enum parts_taken {
    PARTS_TAKEN,   /* its content is in the result */
    PARTS_CURRENT, /* read already, from the same content */
    PARTS_NONE,    /* the elevation has no parts list */
    PARTS_BUSY,    /* another one reads it now */
    PARTS_UNKNOWN  /* there is no such elevation */
};
/* Marks the elevation in_progress and gets its parts list: one row of content (hex), sha256, retry count. force reads
 * it again. The result is the caller's to clear when PARTS_TAKEN. Negative on an error. */
int parts_take(struct db *db, int64_t elevation_id, bool force, PGresult **out, struct err *err);

/* Stores what was read and the glass in one transaction; nothing when the content has changed meanwhile (1). */
int parts_store_read(struct db *db, int64_t elevation_id, const char *sha256, const struct parts_data *data,
                     struct err *err);
/* Counts a failed try, with a row in parsing_error_logs. error_type: "validation", "timeout", "parse". */
int parts_store_failure(struct db *db, int64_t elevation_id, const char *status, const char *error_type,
                        const char *text, struct err *err);
/* It was not this try's fault (cancelled, the database): pending again. */
int parts_give_back(struct db *db, int64_t elevation_id, struct err *err);

/* Elevation ids that wait, after an id: statuses is an array literal; retries below max_retries, the last try longer
 * ago than delay_min. project_id 0 = all. NULL on an error. */
PGresult *parts_waiting_ids(struct db *db, const char *statuses, int64_t project_id, int64_t after, int limit,
                            int max_retries, int delay_min, struct err *err);

#endif
