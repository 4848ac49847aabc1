/* See migrations.h. Two statements, because the table of migrations is itself made by the first of them. */
#include "services/web/watch/health/migrations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/embedded.h"
#include "conf/log.h"
#include "services/store/shape.h"
#include "services/store/web/watch/health_read.h"

static void set_state(struct migrations *m, enum migrations_state state)
{
    if (state == MIGRATIONS_MISSING && m->state != MIGRATIONS_MISSING)
        log_warning("the database lacks %d migrations of this version (first: %s): not ready until `logikald migrate`"
                    " has run",
                    m->missing, m->first_missing);
    if (state == MIGRATIONS_DONE && m->state == MIGRATIONS_MISSING) log_info("the database has been migrated");
    if (state == MIGRATIONS_DONE && m->newer > 0 && m->state != MIGRATIONS_DONE)
        log_info("the database has %d migrations of a newer version", m->newer);
    m->state = state;
    if (state == MIGRATIONS_DONE) m->done(m->web);
}

static void on_shape(void *arg, const PGresult *result, const struct err *err)
{
    struct migrations *m = arg;
    m->is_asking = false;
    if (err) return;
    if (PQntuples(result) > 0) {
        shape_say(PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1), m->foreign, sizeof m->foreign);
        if (m->state != MIGRATIONS_FOREIGN) log_error("%s", m->foreign);
    }
    set_state(m, PQntuples(result) > 0 ? MIGRATIONS_FOREIGN : MIGRATIONS_DONE);
}

/* Are the tables ours? Asked once, and again as long as they are not. */
static void look_at_shape(struct migrations *m)
{
    struct buf tables = {0}, columns = {0};
    shape_of(NULL, false, &tables, &columns);
    const char *values[] = {tables.data, columns.data};
    m->is_asking =
        !tables.failed && !columns.failed && pool_query(m->web->pool, &query_shape, 2, values, on_shape, m) != NULL;
    buf_free(&tables);
    buf_free(&columns);
}

static void on_compared(void *arg, const PGresult *result, const struct err *err)
{
    struct migrations *m = arg;
    m->is_asking = false;
    if (err) return;
    m->missing = (int)strtol(PQgetvalue(result, 0, 0), NULL, 10);
    m->newer = (int)strtol(PQgetvalue(result, 0, 1), NULL, 10);
    snprintf(m->first_missing, sizeof m->first_missing, "%.60s", PQgetvalue(result, 0, 2));
    if (m->missing > 0)
        set_state(m, MIGRATIONS_MISSING);
    else if (m->state == MIGRATIONS_DONE)
        set_state(m, MIGRATIONS_DONE);
    else
        look_at_shape(m);
}

static bool compare(struct migrations *m)
{
    struct buf names = {0};
    for (const struct embedded *file = embedded_migrations; file->path; file++)
        buf_printf(&names, "%c%s", names.len ? ',' : '{', file->path);
    buf_char(&names, '}');
    bool is_sent = !names.failed &&
                   pool_query(m->web->pool, &query_migrations, 1, (const char *[]){names.data}, on_compared, m) != NULL;
    buf_free(&names);
    return is_sent;
}

static void on_table(void *arg, const PGresult *result, const struct err *err)
{
    struct migrations *m = arg;
    bool has_table = !err && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    m->is_asking = has_table && compare(m);
    if (err || has_table) return;
    m->missing = 0;
    for (const struct embedded *file = embedded_migrations; file->path; file++) m->missing++;
    snprintf(m->first_missing, sizeof m->first_missing, "%.60s", embedded_migrations[0].path);
    set_state(m, MIGRATIONS_MISSING);
}

void migrations_ask(struct migrations *m)
{
    if (m->is_asking || !m->web->pool) return;
    m->is_asking = pool_query(m->web->pool, &query_has_migrations, 0, NULL, on_table, m) != NULL;
}
