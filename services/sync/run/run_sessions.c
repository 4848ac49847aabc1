/* The upstream's sessions that a run opens stand in the database until they are closed, so that whoever comes after a
 * process that died can log out of them; beside them, what was learned of the levels of the upstream's tree. */
#include "services/sync/run/run_sessions.h"

#include <string.h>

#include "conf/log.h"
#include "services/logikal/logout.h"

#define LEFT_AT_ONCE 64
#define REFUSED_MAX  3 /* logouts of sessions that were left open */

static const char level_letters[] = "uar";

static void on_login_begins(void *arg, int slot)
{
    struct sync_run *run = arg;
    struct err err = {0};
    const struct conf *conf = run->ctx->conf;
    int rc = upstream_login_begins(run->db, conf_str(conf, SET_LOGIKAL_URL), conf_str(conf, SET_LOGIKAL_USER), slot,
                                   &run->lease, &err);
    run_check(run, rc, &err);
}

static void on_login_failed(void *arg, int slot)
{
    struct sync_run *run = arg;
    struct err err = {0};
    if (!db_is_alive(run->db)) return;
    run_check(run, upstream_login_failed(run->db, slot, &run->lease, &err), &err);
}

static void on_session_opened(void *arg, int slot, const char *token)
{
    struct sync_run *run = arg;
    struct err err = {0};
    int rc = upstream_session_opened(run->db, slot, token, &run->lease, &err);
    if (rc > 0) /* what one of them selects, both have selected: nothing that is listed now is what was asked for */
        rc =
            err_set(&err, ERR_UPSTREAM,
                    "Logikal has given this sync the session of another one that is at work, since it gives one to all "
                    "logins of a user: try again when that has ended; several workers need a user each");
    run_check(run, rc, &err);
}

static void on_session_closed(void *arg, const char *token)
{
    struct sync_run *run = arg;
    struct err err = {0};
    if (!db_is_alive(run->db)) return;
    run_check(run, upstream_session_closed(run->db, token, &err), &err);
}

static void on_learned(void *arg, enum logikal_level level, enum sideways what)
{
    struct sync_run *run = arg;
    struct err err = {0};
    run->levels[level - 1] = level_letters[what];
    run_check(run, upstream_remember(run->db, conf_str(run->ctx->conf, SET_LOGIKAL_URL), run->levels, &err), &err);
}

void run_sessions_hook(struct logikal_hooks *hooks)
{
    hooks->login_begins = on_login_begins;
    hooks->login_failed = on_login_failed;
    hooks->session_opened = on_session_opened;
    hooks->session_closed = on_session_closed;
    hooks->learned = on_learned;
}

int run_sessions_recall(struct sync_run *run, enum sideways sideways[LEVEL_COUNT], struct err *err)
{
    sideways[0] = SIDEWAYS_UNKNOWN;
    if (upstream_recall(run->db, conf_str(run->ctx->conf, SET_LOGIKAL_URL), run->levels, err) < 0) return -ERR_DB;
    for (int i = 1; i < LEVEL_COUNT; i++) {
        const char *letter = strchr(level_letters, run->levels[i - 1]);
        sideways[i] = letter ? (enum sideways)(letter - level_letters) : SIDEWAYS_UNKNOWN;
    }
    return 0;
}

int run_sessions_left(struct sync_run *run, struct err *err)
{
    const char *base_url = conf_str(run->ctx->conf, SET_LOGIKAL_URL);
    int64_t unknown = upstream_logins_left(run->db, base_url, err);
    if (unknown < 0) return -ERR_DB;
    run->sessions_unknown = (int)unknown;
    if (unknown)
        log_warning("a process died while it logged in: %d Logikal sessions may stay open until the server ends them",
                    run->sessions_unknown);
    int count = LEFT_AT_ONCE, refused = 0, rc = 0;
    while (refused < REFUSED_MAX && count == LEFT_AT_ONCE && rc == 0) {
        PGresult *left = upstream_sessions_left(run->db, base_url, LEFT_AT_ONCE, err);
        if (!left) return -ERR_DB;
        count = PQntuples(left);
        for (int i = 0; i < count && refused < REFUSED_MAX && rc == 0; i++) {
            if (logikal_logout(run->ctx->conf, db_text(left, i, 0)))
                rc = upstream_session_closed(run->db, db_text(left, i, 0), err);
            else
                refused++;
        }
        PQclear(left);
    }
    return rc;
}
