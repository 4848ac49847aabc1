/* What becomes of a call that PostgreSQL has answered, or that it will not: its result, an error that says what to do,
 * or the same once more: see pool_internal.h. */
#include "services/store/db/pool_internal.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"

static int fill_error(const struct pool_call *call, struct err *err)
{
    const char *state = PQresultErrorField(call->result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(call->result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(call->result, PG_DIAG_MESSAGE_DETAIL);
    if (!state) state = "";
    if (!message) message = "no answer";
    if (strcmp(state, "57014") == 0 || strcmp(state, "55P03") == 0)
        return err_set(err, ERR_TIMEOUT, "PostgreSQL: %s", message);
    if (strncmp(state, "23", 2) == 0)
        return err_set(err, ERR_CONFLICT, "%s%s%.200s", message, detail ? ": " : "", detail ? detail : "");
    if (strncmp(state, "22", 2) == 0) return err_set(err, ERR_INPUT, "%s", message);
    const char *advice = db_session_advice(state);
    return err_set(err, ERR_DB, "PostgreSQL: %s (%s%s%s, %s)", message, advice ? advice : "", advice ? "; " : "", state,
                   call->query->name);
}

static void send_again(struct pool *p, struct pool_call *call)
{
    PQclear(call->result);
    call->result = NULL;
    TAILQ_INSERT_HEAD(&p->waiting, call, link);
    p->waiting_count++;
}

/* A transaction pooler in between hands our statements to connections that never saw them prepared; and a migration may
 * have changed what a prepared one answers. */
static bool repeat_unprepared(struct pool *p, struct pool_call *call)
{
    const char *state = PQresultErrorField(call->result, PG_DIAG_SQLSTATE);
    if (!state || call->is_repeated ||
        (strcmp(state, "26000") != 0 && strcmp(state, "42P05") != 0 && strcmp(state, "0A000") != 0))
        return false;
    if (!p->is_unprepared) log_warning("prepared statements get lost on the way to PostgreSQL: doing without them");
    p->is_unprepared = call->is_repeated = true;
    send_again(p, call);
    return true;
}

/* Of two transactions that wait for each other one is undone, whole: it is for us to do it again. */
static bool repeat_undone(struct pool *p, struct pool_call *call)
{
    const char *state = PQresultErrorField(call->result, PG_DIAG_SQLSTATE);
    if (!db_session_was_undone(state) || ++call->undone > DB_SESSION_UNDONE_MAX) return false;
    log_info("PostgreSQL has undone %s to get out of a deadlock: it is done again", call->query->name);
    send_again(p, call);
    return true;
}

void pool_call_done(struct pool *p, struct pool_call *call)
{
    struct err err = {0};
    ExecStatusType status = PQresultStatus(call->result);
    bool is_good = call->result && (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK);
    if (!is_good && call->result && call->fn && (repeat_unprepared(p, call) || repeat_undone(p, call))) return;
    p->stats.queries++;
    p->stats.busy_us += mono_us() - call->asked_us;
    if (!is_good) {
        p->stats.errors++;
        if (call->result)
            fill_error(call, &err);
        else if (call->is_late)
            err_set(&err, ERR_TIMEOUT, "PostgreSQL: no connection was free in time");
        else if (p->is_down)
            err_set(&err, ERR_DB, "PostgreSQL is unreachable: %s", p->why);
        else if (p->waiting_count >= POOL_WAITING_MAX)
            err_set(&err, ERR_LIMIT, "too many requests wait for PostgreSQL");
        else
            err_set(&err, ERR_DB, "the connection to PostgreSQL was lost");
        if (err.code == ERR_TIMEOUT) p->stats.timeouts++;
        if (err.code == ERR_DB && call->result) log_error("%s", err.text);
    }
    if (call->result && !call->is_ghost) p->answered_ms[call->query_id] = mono_ms();
    if (call->fn) call->fn(call->arg, is_good ? call->result : NULL, is_good ? NULL : &err);
    PQclear(call->result);
    free(call);
}
