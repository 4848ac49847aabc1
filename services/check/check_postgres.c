/* PostgreSQL as the pre-flight sees it: reachable, new enough, allowed to write, migrated. */
#include <stdio.h>
#include <stdlib.h>

#include "conf/clock.h"
#include "services/check/check_internal.h"
#include "services/store/db/db.h"
#include "services/store/migrate.h"
#include "services/store/db/db_session.h"
#include "services/store/shape.h"
#include "services/store/sizes.h"

static const char facts_sql[] = "SELECT current_setting('server_version'), coalesce(has_schema_privilege("
                                "current_schema(), 'CREATE'), false),"
                                " coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)";

/* Tables and sequences of the schema that the role may not use as we do. */
static const char rights_sql[] =
    "SELECT c.oid::regclass::text FROM pg_class c JOIN unnest($1::text[]) AS w(t) ON c.oid = "
    "to_regclass(quote_ident(w.t))"
    " WHERE NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')"
    "  AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))"
    " UNION ALL SELECT c.oid::regclass::text FROM pg_class c"
    " WHERE CASE WHEN c.relkind <> 'S' THEN false"
    "  WHEN c.oid = to_regclass('sync_stage_ids') OR EXISTS (SELECT FROM pg_depend d JOIN unnest($1::text[]) AS w(t)"
    "   ON d.refobjid = to_regclass(quote_ident(w.t)) WHERE d.objid = c.oid)"
    "  THEN NOT has_sequence_privilege(c.oid, 'USAGE') ELSE false END LIMIT 1";

/* The first table or sequence that we may not use, "" = none. */
static int look_at_rights(struct db *db, char *out, size_t size, struct err *err)
{
    struct buf tables = {0}, columns = {0};
    shape_of(NULL, false, &tables, &columns);
    const char *values[] = {tables.data};
    PGresult *r = tables.failed ? NULL : db_query(db, err, rights_sql, 1, values);
    snprintf(out, size, "%s", r && PQntuples(r) ? db_text(r, 0, 0) : "");
    buf_free(&tables);
    buf_free(&columns);
    PQclear(r);
    return r ? 0 : -1;
}

/* Why no rows can be added, "" = there is room. */
static void look_for_room(struct db *db, char *out, size_t size)
{
    struct err err = {0};
    PGresult *r = db_query(db, &err, "SELECT logikald_room()", 0, NULL);
    snprintf(out, size, "%.*s", (int)size - 1, !r ? err.text : db_text(r, 0, 0) ? db_text(r, 0, 0) : "");
    PQclear(r);
}

/* Nine tenths of what is rented are there, or all will be within a month. */
static bool is_filling(const struct sizes *s, int64_t limit)
{
    double full_in = sizes_full_in(s, limit);
    return limit > 0 && ((double)s->database > 0.9 * (double)limit || (full_in >= 0 && full_in < 30 * 86400.0));
}

static void say_migrated(const struct conf *conf, struct db *db, struct check_line *line, const PGresult *facts,
                         int64_t took_ms)
{
    struct err err = {0};
    struct sizes sizes = {0};
    int64_t limit = conf_int(conf, SET_DATABASE_SIZE_LIMIT);
    char text[200];
    char lacking[200] = "", full[300] = "";
    look_for_room(db, full, sizeof full);
    if (shape_check(db, NULL, false, &err) < 0 || look_at_rights(db, lacking, sizeof lacking, &err) < 0 ||
        sizes_read(db, &sizes, &err) < 0)
        check_say(line, CHECK_FAILED, "%s", err.text);
    else if (*lacking)
        check_say(line, CHECK_FAILED,
                  "the user may not use %s: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES and USAGE ON ALL "
                  "SEQUENCES IN SCHEMA ... TO it",
                  lacking);
    else if (*full)
        check_say(line, CHECK_FAILED, "no room for more rows (%.200s): make room", full);
    else
        check_say(line, is_filling(&sizes, limit) ? CHECK_WARNING : CHECK_OK,
                  "version %s, %s%s, migrated%s, connected in %lld ms; %s", db_text(facts, 0, 0),
                  db_bool(facts, 0, 2) ? "TLS" : "no TLS",
                  db_session(db)->is_pooled ? ", through a connection pooler" : "",
                  db_bool(facts, 0, 1) ? "" : " (this user may not migrate)", (long long)took_ms,
                  sizes_text(&sizes, limit, wall_ms() / 1000, text, sizeof text));
}

static void say_facts(const struct conf *conf, struct db *db, struct check_line *line, int64_t took_ms)
{
    struct err err = {0};
    const char *fault = db_session_fault(db_session(db));
    PGresult *r = fault ? NULL : db_query(db, &err, facts_sql, 0, NULL);
    int pending = r ? migrate_pending(db, &err) : -1;
    bool may_make = pending > 0 && (db_bool(r, 0, 1) || db_wants_schema(db));
    bool is_foreign = may_make && shape_check(db, NULL, true, &err) < 0;
    if (fault)
        check_say(line, CHECK_FAILED, "%s", fault);
    else if (pending < 0 || is_foreign)
        check_say(line, CHECK_FAILED, "%s", err.text);
    else if (pending == 0)
        say_migrated(conf, db, line, r, took_ms);
    else if (!may_make)
        check_say(line, CHECK_FAILED,
                  "%d migrations are pending, and the user may not create tables: GRANT CREATE ON SCHEMA public TO it, "
                  "or let a user migrate that may (`logikald migrate`)",
                  pending);
    else
        check_say(line, CHECK_WARNING,
                  "version %s, %s, %lld ms; %d migrations are pending: the next start applies them "
                  "(or `logikald migrate`)",
                  db_text(r, 0, 0), db_bool(r, 0, 2) ? "TLS" : "no TLS", (long long)took_ms, pending);
    PQclear(r);
}

void check_postgres(const struct conf *conf, struct check_line *line)
{
    if (!conf_is_set(conf, SET_DATABASE_URL)) {
        check_say(line, CHECK_FAILED, "DATABASE_URL is not set: nothing can be served without PostgreSQL");
        return;
    }
    struct err err = {0};
    int64_t start = mono_ms();
    struct db *db = db_open_for(conf, CHECK_TIMEOUT_S * 1000, "logikald check", &err);
    if (db)
        say_facts(conf, db, line, mono_ms() - start);
    else
        check_say(line, CHECK_FAILED, "%s", err.text);
    db_close(db);
}
