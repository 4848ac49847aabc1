/* PostgreSQL as the pre-flight sees it: reachable, new enough, allowed to write, migrated. */
#include <stdlib.h>

#include "conf/clock.h"
#include "services/check/check_internal.h"
#include "services/store/db.h"
#include "services/store/migrate.h"

#define VERSION_LEAST 120000

static const char facts_sql[] = "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
                                " has_schema_privilege(current_schema(), 'CREATE'),"
                                " pg_is_in_recovery(),"
                                " coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)";

static void say_facts(struct db *db, struct check_line *line, int64_t took_ms)
{
    struct err err = {0};
    PGresult *r = db_query(db, &err, facts_sql, 0, NULL);
    bool may_look = r && db_bool(r, 0, 2) && !db_bool(r, 0, 3); /* else there may be no right to read, either */
    int pending = may_look ? migrate_pending(db, &err) : 0;
    const char *version = r ? db_text(r, 0, 1) : "";
    const char *tls = r && db_bool(r, 0, 4) ? "TLS" : "no TLS";
    if (!r || pending < 0)
        check_say(line, CHECK_FAILED, "%s", err.text);
    else if (db_int(r, 0, 0) < VERSION_LEAST)
        check_say(line, CHECK_FAILED, "version %s is too old: 12 or later is needed", version);
    else if (db_bool(r, 0, 3))
        check_say(line, CHECK_FAILED, "this is a read-only standby: DATABASE_URL must name the primary");
    else if (!db_bool(r, 0, 2))
        check_say(line, CHECK_FAILED, "the user may not create tables: GRANT CREATE ON SCHEMA public TO it");
    else if (pending > 0)
        check_say(line, CHECK_WARNING,
                  "version %s, %s, %lld ms; %d migrations are pending: the next start applies them "
                  "(or `logikald migrate`)",
                  version, tls, (long long)took_ms, pending);
    else
        check_say(line, CHECK_OK, "version %s, %s, migrated, connected in %lld ms", version, tls, (long long)took_ms);
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
    struct db *db = db_open(conf_str(conf, SET_DATABASE_URL), CHECK_TIMEOUT_S * 1000, "logikald check", &err);
    if (db)
        say_facts(db, line, mono_ms() - start);
    else
        check_say(line, CHECK_FAILED, "%s", err.text);
    db_close(db);
}
