/* Reading stored parts lists: see parse.h. All are taken at once, read in groups of limited size, and stored at once.
 */
#include "services/parts/parse.h"

#include <stdlib.h>
#include <string.h>

#include "services/parts/foresight.h"
#include "services/parts/move.h"
#include "services/parts/read.h"
#include "services/store/db/db.h"
#include "services/store/sync/parts/parts_store.h"
#include "services/store/unframe.h"

#define DOUBLE      (-1)              /* in place of an elevation's id */
#define GROUP_BYTES (4 * 1024 * 1024) /* contents in memory at once, as they are stored, unless one alone is larger */

const char *parse_outcome_name(enum parse_outcome outcome)
{
    static const char *const names[] = {"success", "partial",       "failed", "validation_failed",
                                        "current", "no_parts_list", "busy",   "unknown_elevation"};
    return names[outcome];
}

static enum parse_outcome not_taken(enum parts_taken taken)
{
    switch (taken) {
    case PARTS_CURRENT: return PARSE_CURRENT;
    case PARTS_NONE: return PARSE_NONE;
    case PARTS_BUSY: return PARSE_BUSY;
    default: return PARSE_UNKNOWN;
    }
}

static int store_failure(struct db *db, int64_t elevation_id, const struct err *why, struct err *err)
{
    bool is_content = why->code == ERR_INPUT || why->code == ERR_LIMIT;
    const char *type = why->code == ERR_TIMEOUT ? "timeout" : is_content ? "parse" : "system";
    return parts_store_failure(db, elevation_id, "failed", type, why->text, PARTS_READER, err);
}

/* Stores what was read. A value that the database refuses is told with its elevation, and keeps none of the others out.
 */
static int store_all(struct db *db, struct parts_item *items, int n, enum parse_outcome *outcomes, struct err *whys,
                     struct err *err)
{
    int rc = parts_store_read(db, items, n, PARTS_READER, err);
    if (rc == 0 || !db_is_alive(db) || err->code == ERR_NOMEM) return rc;
    rc = 0;
    for (int i = 0; i < n && rc == 0; i++) {
        if (!items[i].is_read || parts_store_read(db, &items[i], 1, PARTS_READER, &whys[i]) == 0) continue;
        if (!db_is_alive(db)) return err_set(err, whys[i].code, "%s", whys[i].text);
        items[i].is_stored = false;
        outcomes[i] = PARSE_FAILED;
        rc = parts_store_failure(db, items[i].elevation_id, "failed", "storage", whys[i].text, PARTS_READER, err);
    }
    return rc;
}

/* ---- reading ---- */

#define QUESTIONS 64 /* for frames of one file */

struct file_reading {
    struct db *db;
    struct unframer *frames;
    const char *sha256;           /* of the file at hand */
    PGresult *fetched[QUESTIONS]; /* frames of it, in the order in which they were missed */
    int questions;
};

/* With each question twice as many: who needs so many, needs more. */
static int fetch_frames(void *arg, size_t index, const void **frames, size_t *len, struct err *err)
{
    struct file_reading *r = arg;
    struct err why = {0};
    if (r->questions == QUESTIONS) return err_set(err, ERR_DB, "its frames cannot be had");
    int count = 4 << (r->questions < 5 ? r->questions : 5);
    PGresult *got = parts_frames(r->db, r->sha256, index, count, &why);
    if (!got) return err_set(err, ERR_DB, "%s", why.text);
    r->fetched[r->questions++] = got;
    if (PQntuples(got) == 0 || PQgetisnull(got, 0, 0))
        return err_set(err, ERR_INPUT, "its file is not stored any more");
    *frames = PQgetvalue(got, 0, 0);
    *len = (size_t)PQgetlength(got, 0, 0);
    return 0;
}

static int open_frames(struct file_reading *r, const PGresult *contents, int row, struct err *err)
{
    const char *bytes = PQgetvalue(contents, row, PARTS_BYTES);
    size_t len = (size_t)PQgetlength(contents, row, PARTS_BYTES), size = (size_t)db_int(contents, row, PARTS_SIZE);
    if (PQgetisnull(contents, row, PARTS_BEHIND)) return unframer_open(r->frames, bytes, len, size, err);
    const struct frames_some some = {.head = bytes,
                                     .head_len = len,
                                     .tail = PQgetvalue(contents, row, PARTS_TAIL),
                                     .tail_len = (size_t)PQgetlength(contents, row, PARTS_TAIL),
                                     .tail_count = (size_t)db_int(contents, row, PARTS_BEHIND),
                                     .fetch = fetch_frames,
                                     .arg = r};
    return unframer_open_some(r->frames, &some, size, err);
}

static void close_frames(struct file_reading *r, bool is_read)
{
    size_t head, tail;
    unframer_used(r->frames, &head, &tail);
    if (is_read) foresight_note(head, tail);
    unframer_close(r->frames);
    while (r->questions > 0) PQclear(r->fetched[--r->questions]);
}

/* Reads one row of parts_contents. */
static int read_one(struct file_reading *r, const PGresult *contents, int row, struct parts_data *data, struct err *err)
{
    const char *bytes = PQgetvalue(contents, row, PARTS_BYTES);
    const char *name = db_text(contents, row, PARTS_NAME), *id = db_text(contents, row, PARTS_ID);
    size_t len = (size_t)PQgetlength(contents, row, PARTS_BYTES);
    if (PQgetisnull(contents, row, PARTS_BYTES)) return err_set(err, ERR_INPUT, "its file is not stored any more");
    if (PQgetisnull(contents, row, PARTS_SIZE)) return parts_read(bytes, len, name, id, data, err);
    r->sha256 = PQgetvalue(contents, row, PARTS_SHA256);
    int rc = open_frames(r, contents, row, err);
    if (rc == 0) rc = parts_read_frames(r->frames, name, id, data, err);
    close_frames(r, rc == 0);
    return rc;
}

/* Reads the contents of one group. */
static int read_group(struct file_reading *r, struct parts_item *items, int n, enum parse_outcome *outcomes,
                      struct err *whys, struct err *err)
{
    struct foresight f = foresee();
    PGresult *contents = parts_contents(r->db, items, n, (int)f.head, (int)f.tail, err);
    int rc = contents ? 0 : -ERR_DB;
    for (int row = 0; contents && row < PQntuples(contents) && rc == 0; row++) {
        int i = 0;
        while (i < n && (items[i].taken != PARTS_TAKEN || items[i].elevation_id != db_int(contents, row, PARTS_OF)))
            i++;
        if (i == n) continue;
        rc = read_one(r, contents, row, &items[i].data, &whys[i]);
        items[i].is_read = rc == 0;
        if (rc == -ERR_DB) {
            err_set(err, ERR_DB, "%s", whys[i].text); /* which says nothing about the file */
        } else if (rc < 0) {
            outcomes[i] = PARSE_FAILED;
            rc = store_failure(r->db, items[i].elevation_id, &whys[i], err);
        }
    }
    PQclear(contents);
    return rc;
}

static int read_all(struct db *db, struct parts_item *items, int n, enum parse_outcome *outcomes, struct err *whys,
                    struct err *err)
{
    struct file_reading r = {.db = db, .frames = unframer_new(err)};
    int rc = r.frames ? 0 : -ERR_NOMEM;
    for (int first = 0, end; first < n && rc == 0; first = end) {
        int64_t bytes = items[first].stored_bytes;
        for (end = first + 1; end < n && bytes + items[end].stored_bytes <= GROUP_BYTES; end++)
            bytes += items[end].stored_bytes;
        rc = read_group(&r, items + first, end - first, outcomes + first, whys + first, err);
    }
    unframer_free(r.frames);
    return rc < 0 ? rc : store_all(db, items, n, outcomes, whys, err);
}

/* ---- what became of them ---- */

static int finish(struct db *db, const struct parts_item *items, int n, enum parse_outcome *outcomes, struct err *whys,
                  struct err *err)
{
    int rc = 0;
    for (int i = 0; i < n; i++) {
        const struct parts_item *item = &items[i];
        if (item->taken != PARTS_TAKEN) {
            outcomes[i] = item->elevation_id == DOUBLE ? PARSE_BUSY : not_taken(item->taken);
        } else if (item->is_stored) {
            outcomes[i] = item->data.problem[0] ? PARSE_PARTIAL : PARSE_SUCCESS;
            if (item->data.problem[0]) err_set(&whys[i], ERR_INPUT, "%s", item->data.problem);
        } else if (outcomes[i] != PARSE_FAILED && rc == 0) {
            outcomes[i] = PARSE_BUSY; /* a newer one came meanwhile */
            rc = parts_give_back(db, item->elevation_id, err);
        }
    }
    return rc;
}

/* An elevation that is named twice is read once. */
static void forget_doubles(struct parts_item *items, int n)
{
    for (int i = 1; i < n; i++)
        for (int k = 0; k < i; k++)
            if (items[i].elevation_id > 0 && items[k].elevation_id == items[i].elevation_id)
                items[i].elevation_id = DOUBLE;
}

int parts_parse_many(struct db *db, const int64_t *ids, int n, struct parts_how how, enum parse_outcome *outcomes,
                     struct err *whys, struct err *err)
{
    struct parts_item *items = calloc((size_t)n + 1, sizeof *items);
    if (!items) return err_set(err, ERR_NOMEM, "no memory");
    for (int i = 0; i < n; i++) {
        items[i].elevation_id = ids[i];
        outcomes[i] = PARSE_BUSY;
        whys[i] = (struct err){0};
    }
    forget_doubles(items, n);
    int rc = parts_move_these(db, ids, n, err);
    if (rc == 0) rc = parts_take(db, items, n, how, PARTS_READER, err);
    if (rc == 0) rc = read_all(db, items, n, outcomes, whys, err);
    if (rc == 0) {
        rc = finish(db, items, n, outcomes, whys, err);
    } else if (db_is_alive(db)) {
        for (int i = 0; i < n; i++)
            if (items[i].taken == PARTS_TAKEN && outcomes[i] != PARSE_FAILED)
                parts_give_back(db, items[i].elevation_id, NULL);
    }
    for (int i = 0; i < n; i++) parts_data_free(&items[i].data);
    free(items);
    return rc;
}
