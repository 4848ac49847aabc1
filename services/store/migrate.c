/* Migrations: see migrate.h. A file that was applied is known by its name; its content hash is kept, so that a file
 * that was edited afterwards is noticed in the log. */
#include "services/store/migrate.h"

#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/embedded.h"
#include "conf/log.h"
#include "services/role.h"
#include "services/store/db.h"

#define ADVISORY_LOCK "7236150423918" /* any constant that nobody else uses */
#define LOCK_WAIT_MS  120000

static int make_table(struct db *db, struct err *err)
{
    return db_script(db, err,
                     "CREATE TABLE IF NOT EXISTS logikald_migrations (name text PRIMARY KEY, hash text NOT NULL,"
                     " applied_at timestamptz NOT NULL DEFAULT now())");
}

/* 1 = applied with this hash, 2 = applied with another one, 0 = not applied, negative = error */
static int state_of(struct db *db, const struct embedded *file, struct err *err)
{
    const char *values[] = {file->path, file->hash};
    PGresult *r = db_query(db, err, "SELECT hash = $2 FROM logikald_migrations WHERE name = $1", 2, values);
    if (!r) return -ERR_DB;
    int state = PQntuples(r) == 0 ? 0 : db_bool(r, 0, 0) ? 1 : 2;
    PQclear(r);
    return state;
}

static int apply(struct db *db, const struct embedded *file, struct err *err)
{
    const char *values[] = {file->path, file->hash};
    if (db_begin(db, err) < 0 || db_script(db, err, (const char *)file->data) < 0 ||
        db_exec(db, err, "INSERT INTO logikald_migrations (name, hash) VALUES ($1, $2)", 2, values) < 0 ||
        db_commit(db, err) < 0) {
        db_rollback(db);
        err_prefix(err, "migration %s", file->path);
        return -ERR_DB;
    }
    log_info("migration %s applied", file->path);
    return 0;
}

static int apply_missing(struct db *db, struct err *err)
{
    int applied = 0;
    if (make_table(db, err) < 0) return -ERR_DB;
    for (const struct embedded *file = embedded_migrations; file->path; file++) {
        int state = state_of(db, file, err);
        if (state < 0) return state;
        if (state == 2) log_warning("migration %s was applied in another form; it is left alone", file->path);
        if (state != 0) continue;
        if (apply(db, file, err) < 0) return -ERR_DB;
        applied++;
    }
    return applied;
}

int migrate_run(struct db *db, struct err *err)
{
    char wait_ms[DB_NUMBER_SIZE];
    const char *values[] = {db_number(wait_ms, LOCK_WAIT_MS)};
    PGresult *r = db_query(
        db, err, "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false)", 1, values);
    if (!r) return -ERR_DB;
    PQclear(r);
    if (db_script(db, err, "SELECT pg_advisory_lock(" ADVISORY_LOCK ")") < 0) return -ERR_DB;
    int applied = apply_missing(db, err);
    if (db_is_alive(db)) db_script(db, NULL, "SELECT pg_advisory_unlock(" ADVISORY_LOCK ")");
    return applied;
}

int migrate_pending(struct db *db, struct err *err)
{
    PGresult *r = db_query(db, err, "SELECT to_regclass('logikald_migrations') IS NOT NULL", 0, NULL);
    if (!r) return -ERR_DB;
    bool has_table = db_bool(r, 0, 0);
    PQclear(r);
    int pending = 0;
    for (const struct embedded *file = embedded_migrations; file->path; file++) {
        int state = has_table ? state_of(db, file, err) : 0;
        if (state < 0) return state;
        pending += state == 0;
    }
    return pending;
}

int migrate_main(struct conf *conf, int argc, char **argv)
{
    (void)argv;
    struct err err = {0};
    if (argc > 0) return log_error("migrate takes no arguments"), conf_free(conf), 64;
    struct db *db = db_open_conf(conf, true, "logikald migrate", &err);
    int applied = db ? migrate_run(db, &err) : -1;
    if (applied < 0)
        log_error("%s", err.text);
    else
        log_info("database is up to date (%d migrations applied)", applied);
    db_close(db);
    conf_free(conf);
    return applied >= 0 ? 0 : err.code == ERR_CONFIG ? 78 : 69;
}
