/* The parser's side of the database: taking a parts list to read, storing what was read, and what went wrong. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_PARTS_PARTS_STORE_H
#define LOGIKALD_SERVICES_STORE_SYNC_PARTS_PARTS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libpq-fe.h>

#include "conf/err.h"

struct db;

enum { PARTS_TEXTS = 10, PARTS_NUMBERS = 4, PARTS_KINDS = 9 };

struct parts_number {
    double value;
    bool is_set;
};
struct parts_glass {
    char *id, *name;
};
struct parts_lines {
    const char *kind; /* static; NULL = there is no such table */
    char *json;       /* an array of objects */
    int64_t count;
};
struct parts_data {
    /* auto_description, auto_description_short, width_unit, height_unit, weight_unit, area_unit, system_code,
     * system_name, system_long_name, color_base_long */
    char *texts[PARTS_TEXTS];
    struct parts_number numbers[PARTS_NUMBERS]; /* width, height, weight, area */
    struct parts_glass *glass;
    size_t glass_count, glass_cap;
    int64_t parts_count; /* rows of all tables but Elevations */
    int64_t own_parts;   /* lines of the elevation that are parts */
    int64_t file_row;    /* the elevation's row in Elevations; -1 = not known */
    struct parts_lines lines[PARTS_KINDS];
    char *tables;      /* JSON, as parts_files.tables */
    char problem[400]; /* "" = everything was read, as it is */
};
void parts_data_free(struct parts_data *data);

enum parts_taken {
    PARTS_UNKNOWN, /* there is no such elevation */
    PARTS_TAKEN,   /* it is this one's to read */
    PARTS_CURRENT, /* read already, from the same content */
    PARTS_NONE,    /* the elevation has no parts list */
    PARTS_BUSY     /* another one reads it now */
};
struct parts_item {
    int64_t elevation_id;
    enum parts_taken taken;
    char sha256[65];      /* of the content that was taken */
    int64_t stored_bytes; /* of the content as it stands in the database */
    struct parts_data data;
    bool is_read;    /* data is to be stored */
    char digest[65]; /* of what was read */
    bool is_known;   /* its file's lines stand there already as they were read */
    bool is_stored;  /* it was; else the content has changed meanwhile, and waits to be read again */
};

/* What is read besides what waits. */
struct parts_how {
    bool is_forced; /* what was read before, too */
    bool is_again;  /* whoever asked has died or failed in the midst of it before: also what that had begun */
};

/* Marks the items' elevations in_progress, as far as they are to be read (reader: what a reader older than this has
 * read, too), and sets taken. */
int parts_take(struct db *db, struct parts_item *items, int n, struct parts_how how, int reader, struct err *err);
/* The contents of taken items, all cells binary: rows as named, numbers as text. NULL on an error. Of a packed file
 * that has more frames than head and tail together only the first and the last ones come; so many are behind. */
enum {
    PARTS_OF,    /* elevation id */
    PARTS_BYTES, /* the file, or its (first) frames; NULL: it is not stored any more */
    PARTS_NAME,  /* the elevation's */
    PARTS_ID,
    PARTS_SIZE,   /* of the file, where the bytes are frames; NULL: they are the file */
    PARTS_SHA256, /* the rest is of frames */
    PARTS_TAIL,   /* the last ones */
    PARTS_BEHIND  /* how many those are; NULL = the first ones are all of them */
};
PGresult *parts_contents(struct db *db, const struct parts_item *items, int n, int head, int tail, struct err *err);
/* So many frames of a file, as far as there are, as a binary cell; no row when there is none. NULL on an error. */
PGresult *parts_frames(struct db *db, const char *sha256, size_t index, int count, struct err *err);
/* Stores all items with is_read and their glass in one transaction, and sets is_stored. */
int parts_store_read(struct db *db, struct parts_item *items, int n, int reader, struct err *err);
/* Counts a failed try, with a row in parsing_error_logs. error_type: "validation", "timeout", "parse", "storage". */
int parts_store_failure(struct db *db, int64_t elevation_id, const char *status, const char *error_type,
                        const char *text, int reader, struct err *err);
/* That the list was not read is not this try's fault (cancelled, the database): pending again. */
int parts_give_back(struct db *db, int64_t elevation_id, struct err *err);

/* Elevation ids that wait, after an id: statuses is an array literal; retries below max_retries, the last try longer
 * ago than delay_min; and, whatever their status and tries, those that a reader older than this one has read.
 * project_id 0 = all. NULL on an error. */
PGresult *parts_waiting_ids(struct db *db, const char *statuses, int64_t project_id, int64_t after, int limit,
                            int max_retries, int delay_min, int reader, struct err *err);

#endif
