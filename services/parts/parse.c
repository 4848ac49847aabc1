/* Reading a stored parts list: see parse.h. */
#include "services/parts/parse.h"

#include <stdlib.h>
#include <string.h>

#include "services/parts/image.h"
#include "services/parts/read.h"
#include "services/store/db.h"
#include "services/store/parts_store.h"

const char *parse_outcome_name(enum parse_outcome outcome)
{
    static const char *const names[] = {"success", "partial",       "failed", "validation_failed",
                                        "current", "no_parts_list", "busy",   "unknown_elevation"};
    return names[outcome];
}

static enum parse_outcome not_taken(int taken)
{
    return taken == PARTS_CURRENT ? PARSE_CURRENT
           : taken == PARTS_NONE  ? PARSE_NONE
           : taken == PARTS_BUSY  ? PARSE_BUSY
                                  : PARSE_UNKNOWN;
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The bytes of a bytea as hex; the caller's to free. */
static unsigned char *decode_hex(const char *text, size_t *len)
{
    *len = strlen(text) / 2;
    unsigned char *bytes = malloc(*len + 1);
    for (size_t i = 0; bytes && i < *len; i++)
        bytes[i] = (unsigned char)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return bytes;
}

static int store_failure(struct db *db, int64_t elevation_id, const struct err *why, struct err *err)
{
    bool is_invalid = why->code == ERR_INPUT || why->code == ERR_LIMIT;
    const char *type = why->code == ERR_TIMEOUT ? "timeout" : is_invalid ? "parse" : "system";
    int rc = parts_store_failure(db, elevation_id, "failed", type, why->text, err);
    return rc < 0 ? rc : PARSE_FAILED;
}

int parts_parse(struct db *db, int64_t elevation_id, bool force, struct err *why, struct err *err)
{
    PGresult *taken = NULL;
    struct parts_data data = {0};
    size_t len;
    int rc = parts_take(db, elevation_id, force, &taken, err);
    if (rc != PARTS_TAKEN) return rc < 0 ? rc : (int)not_taken(rc);
    unsigned char *bytes = decode_hex(db_text(taken, 0, 0), &len);
    rc = bytes ? parts_read(bytes, len, &data, why) : err_set(why, ERR_NOMEM, "no memory");
    if (rc < 0) {
        rc = store_failure(db, elevation_id, why, err);
    } else {
        rc = parts_store_read(db, elevation_id, db_text(taken, 0, 1), &data, err);
        if (rc == 1)
            rc = PARSE_BUSY; /* a newer one came meanwhile; it waits to be read */
        else if (rc == 0)
            rc = data.problem[0] ? PARSE_PARTIAL : PARSE_SUCCESS;
        if (rc == PARSE_PARTIAL) err_set(why, ERR_INPUT, "%s", data.problem);
    }
    parts_data_free(&data);
    free(bytes);
    PQclear(taken);
    return rc;
}
