/* Migrations: see migrate.h. A file that was applied is known by its name; its content hash is kept, so that a file
 * that was edited afterwards is noticed in the log. */
#include "services/store/migrate.h"

#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/embedded.h"
#include "conf/exit.h"
#include "conf/log.h"
#include "services/role.h"
#include "services/store/db/db.h"
#include "services/store/journal.h"
#include "services/store/shape.h"

#define ADVISORY_LOCK "7236150423918" /* any constant that nobody else uses */
#define LOCK_WAIT_MS  120000

/* Is the table there? 1, 0 or negative. A role that may only write rows never comes to make it. */
static int has_table(struct db *db, struct err *err)
{
    PGresult *r = db_query(db, err, "SELECT to_regclass('logikald_migrations') IS NOT NULL", 0, NULL);
    if (!r) return -ERR_DB;
    int has = db_bool(r, 0, 0);
    PQclear(r);
    return has;
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

/* Begins a transaction in which nobody else migrates; the lock ends with it, whichever session it was given. */
static int begin_alone(struct db *db, struct err *err)
{
    if (db_begin(db, err) < 0) return -ERR_DB;
    return db_exec(db, err, "SELECT pg_advisory_xact_lock(" ADVISORY_LOCK ")", 0, NULL) < 0 ? -ERR_DB : 0;
}

static int make_table(struct db *db, struct err *err)
{
    int has = has_table(db, err);
    if (has != 0) return has < 0 ? has : 0;
    if (begin_alone(db, err) < 0 ||
        db_script(db, err,
                  "CREATE TABLE IF NOT EXISTS logikald_migrations (name text PRIMARY KEY, hash text NOT NULL,"
                  " applied_at timestamptz NOT NULL DEFAULT now())") < 0 ||
        db_commit(db, err) < 0) {
        db_rollback(db);
        return -ERR_DB;
    }
    return 0;
}

/* 1 = applied, 0 = somebody else was faster, or negative. */
static int apply(struct db *db, const struct embedded *file, struct err *err)
{
    const char *values[] = {file->path, file->hash};
    int state = begin_alone(db, err) < 0 ? -ERR_DB : state_of(db, file, err);
    if (state == 0 && shape_check(db, file == embedded_migrations ? NULL : file->path, true, err) < 0)
        state = err_result(err);
    if (state != 0) {
        db_rollback(db);
        return state < 0 ? state : 0;
    }
    if (db_script(db, err, (const char *)file->data) < 0 ||
        db_exec(db, err, "INSERT INTO logikald_migrations (name, hash) VALUES ($1, $2)", 2, values) < 0 ||
        db_commit(db, err) < 0) {
        db_rollback(db);
        err_prefix(err, "migration %s", file->path);
        return -ERR_DB;
    }
    log_info("migration %s applied", file->path);
    return 1;
}

/* Applies what is missing: how many files were applied, or negative with err (earlier files stay applied). Blocks;
 * waits up to two minutes for another one that migrates. Writes nothing when nothing is missing. */
static int migrate_run(struct db *db, struct err *err)
{
    int applied = 0;
    if (db_set_timeout(db, LOCK_WAIT_MS, err) < 0) return err_result(err);
    if (db_make_schema(db, err) < 0 || make_table(db, err) < 0) return err_result(err);
    for (const struct embedded *file = embedded_migrations; file->path; file++) {
        int state = state_of(db, file, err);
        if (state < 0) return state;
        if (state == 2) log_warning("migration %s was applied in another form; it is left alone", file->path);
        int rc = state == 0 ? apply(db, file, err) : 0;
        if (rc < 0) return rc;
        applied += rc;
    }
    if (shape_check(db, NULL, false, err) < 0) return err_result(err);
    char why[160];
    int is_another = journal_settle(db, why, sizeof why, err);
    if (is_another > 0) log_warning(JOURNAL_IS_ANOTHER, why);
    return is_another < 0 ? is_another : applied;
}

int migrate_pending(struct db *db, struct err *err)
{
    int has = has_table(db, err), pending = 0;
    if (has < 0) return has;
    for (const struct embedded *file = embedded_migrations; file->path; file++) {
        int state = has ? state_of(db, file, err) : 0;
        if (state < 0) return state;
        pending += state == 0;
    }
    return pending;
}

int migrate_main(struct conf *conf, int argc, char **argv)
{
    (void)argv;
    struct err err = {0};
    if (argc > 0) {
        log_error("migrate takes no arguments");
        conf_free(conf);
        return EXIT_USAGE;
    }
    struct db *db = db_open_conf(conf, true, "logikald migrate", &err);
    int applied = db ? migrate_run(db, &err) : -1;
    if (applied < 0)
        log_error("%s", err.text);
    else
        log_info("database is up to date (%d migrations applied)", applied);
    db_close(db);
    conf_free(conf);
    return applied >= 0 ? 0 : err.code == ERR_CONFIG ? EXIT_CONFIG : EXIT_UNAVAILABLE;
}
