/* The shape of the database: see shape.h. The migrations keep to one form (a column a line, IF NOT EXISTS everywhere),
 * and a test compares what is read here with a database that they have made. */
#include "services/store/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/embedded.h"
#include "services/store/db/db.h"

const char shape_sql[] =
    "SELECT to_regclass(quote_ident(w.t))::oid::regclass::text, string_agg(w.c, ', ' ORDER BY w.c)"
    " FROM unnest($1::text[], $2::text[]) AS w(t, c) WHERE to_regclass(quote_ident(w.t)) IS NOT NULL"
    " AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(quote_ident(w.t)) AND a.attname = w.c"
    "  AND NOT a.attisdropped) GROUP BY 1 ORDER BY 1";

#define NAME_SIZE 64

struct shape_reader {
    struct buf *tables, *columns;
    bool only_created;
    bool is_creating;
    char table[NAME_SIZE];
};

/* A word of small letters, digits and underscores; its length. */
static size_t name_at(const char *at, char out[NAME_SIZE])
{
    size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");
    snprintf(out, NAME_SIZE, "%.*s", (int)len, at);
    return len;
}

static void add(struct shape_reader *r, const char *column)
{
    db_array_add(r->tables, r->table);
    db_array_add(r->columns, column);
}

/* The text behind a word of the line, NULL when the line does not have it. */
static const char *behind(const char *line, const char *word)
{
    const char *at = strstr(line, word);
    return at ? at + strlen(word) : NULL;
}

static void read_line(struct shape_reader *r, const char *line)
{
    char column[NAME_SIZE];
    const char *at = behind(line, "TABLE IF NOT EXISTS ");
    if (strncmp(line, "CREATE ", 7) == 0 && at) {
        name_at(at, r->table);
        r->is_creating = true;
    } else if (r->is_creating && line[0] == ')') {
        r->is_creating = false;
    } else if (r->is_creating && strncmp(line, "    ", 4) == 0 && name_at(line + 4, column) > 0 && line[4] != '_') {
        add(r, column);
    } else if (strncmp(line, "ALTER TABLE ", 12) == 0) {
        name_at(line + 12, r->table);
    }
    at = r->is_creating || r->only_created ? NULL : behind(line, "ADD COLUMN IF NOT EXISTS ");
    if (at && name_at(at, column) > 0) add(r, column);
}

static void read_file(struct shape_reader *r, const struct embedded *file)
{
    char line[400];
    const char *at = (const char *)file->data, *end = at + file->len;
    r->is_creating = false;
    while (at < end) {
        size_t len = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)len, at);
        char *comment = strstr(line, "--");
        if (comment) *comment = '\0';
        read_line(r, line);
        at += len + 1;
    }
}

void shape_of(const char *path, bool only_created, struct buf *tables, struct buf *columns)
{
    struct shape_reader r = {.tables = tables, .columns = columns, .only_created = only_created};
    db_array_begin(tables);
    db_array_begin(columns);
    for (const struct embedded *file = embedded_migrations; file->path; file++)
        if (!path || strcmp(path, file->path) == 0) read_file(&r, file);
    db_array_end(tables);
    db_array_end(columns);
}

void shape_say(const char *table, const char *columns, char *out, unsigned size)
{
    snprintf(out, size,
             "the table %.80s is not ours, or not whole: it lacks %.150s. Where the database is shared, give the "
             "program a schema of its own (DB_SCHEMA=logikald) or a database of its own",
             table, columns);
}

int shape_check(struct db *db, const char *path, bool only_created, struct err *err)
{
    struct buf tables = {0}, columns = {0};
    char text[400];
    int rc = -ERR_DB;
    shape_of(path, only_created, &tables, &columns);
    const char *values[] = {tables.data, columns.data};
    PGresult *r = tables.failed || columns.failed ? NULL : db_query(db, err, shape_sql, 2, values);
    if (r) {
        rc = 0;
        if (PQntuples(r) > 0) {
            shape_say(db_text(r, 0, 0), db_text(r, 0, 1), text, sizeof text);
            rc = err_set(err, ERR_CONFIG, "%s", text);
        }
    }
    PQclear(r);
    buf_free(&tables);
    buf_free(&columns);
    return rc;
}
