/* Faults of the upstream: calls that fail, answers that lie, a company that changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/buf.h"
#include "tests/chaos/chaos.h"
#include "tests/support/sync_truth.h"

#define LIES_MOST 4 /* at once */
#define AWAY_MS   60000

static void refuse_all(struct chaos *c)
{
    sim_post(&c->sys.sim, "faults", "{\"rules\":[{\"endpoint\":\"*\",\"kind\":\"status\",\"status\":503}]}");
    chaos_make_due(c);
    chaos_must_show(c, "Logikal answered 503");
}

static void refuse_no_more(struct chaos *c)
{
    sim_post(&c->sys.sim, "faults/clear", "{}");
    chaos_make_due(c);
}

/* For longer than a problem may be there untold, while web is killed again and again. */
void upstream_stays_away(struct chaos *c)
{
    chaos_say(c, "upstream: 503 to all, for a minute");
    refuse_all(c);
    for (int64_t until = mono_ms() + AWAY_MS; mono_ms() < until;) {
        chaos_pass(c, 5000, 20000);
        chaos_kill(c, "web");
    }
    refuse_no_more(c);
}

void upstream_misbehaves(struct chaos *c)
{
    if (chaos_random(c, 3) == 0) { /* until that is told */
        chaos_say(c, "upstream: 503 to all");
        refuse_all(c);
        refuse_no_more(c);
        return;
    }
    static const char *const kinds[] = {"status", "cut", "garbage", "truncate", "expire", "locked", "slow"};
    char rule[200];
    snprintf(rule, sizeof rule,
             "{\"rules\":[{\"endpoint\":\"*\",\"kind\":\"%s\",\"status\":503,\"probability\":0.%d}]}",
             kinds[chaos_random(c, sizeof kinds / sizeof *kinds)], 1 + (int)chaos_random(c, 6));
    chaos_say(c, "upstream: %s", rule);
    sim_post(&c->sys.sim, "faults", rule);
    chaos_pass(c, 500, 3000);
    sim_post(&c->sys.sim, "faults/clear", "{}");
}

static bool has_changed; /* directories may have been renamed or deleted */

void upstream_changes(struct chaos *c)
{
    has_changed = true;
    char body[80];
    snprintf(body, sizeof body, "{\"seed\":%d,\"count\":5}", (int)chaos_random(c, 1000000));
    chaos_say(c, "upstream: mutate %s", body);
    sim_post(&c->sys.sim, "mutate", body);
    chaos_sql(c, "UPDATE object_sync_configs SET last_sync = last_sync - interval '1 day'");
}

/* The names of the catalogue, read once. */
static cJSON *catalogue(struct chaos *c)
{
    static cJSON *lies;
    if (lies) return lies;
    char *text = sim_get(&c->sys.sim, "lies");
    cJSON *json = cJSON_Parse(text);
    lies = cJSON_DetachItemFromObjectCaseSensitive(json, "catalogue");
    if (cJSON_GetArraySize(lies) == 0) chaos_fail(c, "the simulator has no lies");
    cJSON_Delete(json);
    free(text);
    return lies;
}

/* A random mixture, each told now and then. Half of the time it goes on while other faults strike, until the next. */
void upstream_lies(struct chaos *c)
{
    const cJSON *lies = catalogue(c);
    struct buf body = {0};
    buf_printf(&body, "{\"seed\":%d,\"lies\":[", (int)chaos_random(c, 1000000));
    for (uint64_t i = 0, n = 1 + chaos_random(c, LIES_MOST); i < n; i++) {
        const cJSON *lie = cJSON_GetArrayItem(lies, (int)chaos_random(c, (uint64_t)cJSON_GetArraySize(lies)));
        const cJSON *places = cJSON_GetObjectItemCaseSensitive(lie, "where");
        const cJSON *place = cJSON_GetArrayItem(places, (int)chaos_random(c, (uint64_t)cJSON_GetArraySize(places)));
        buf_printf(&body, "%s{\"name\":\"%s\",\"where\":\"%s\",\"probability\":0.%d}", i ? "," : "",
                   cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(lie, "name")), place->valuestring,
                   1 + (int)chaos_random(c, 9));
    }
    buf_str(&body, "]}");
    chaos_say(c, "upstream: %s", body.data);
    sim_post(&c->sys.sim, "lies", body.data);
    chaos_sql(c, "UPDATE object_sync_configs SET last_sync = last_sync - interval '1 day'");
    chaos_pass(c, 500, 3000);
    if (chaos_random(c, 2)) sim_post(&c->sys.sim, "lies/clear", "{}");
    buf_free(&body);
}

/* ---- a company that shrinks by a lie alone ---- */

/* Holds of many directories are the lie's: those of what was really deleted stay open until they are answered. */
#define HELD_BY_LIE                                                                                                    \
    "FROM sync_holds WHERE state = 'open' AND directories > 0 AND directories * 2 >="                                  \
    " (SELECT count(*) FROM directories WHERE deleted_at IS NULL AND parent_id IS NULL)"

/* Now and then while it is waited for: what had begun before the lie changed has ended by then. */
static void make_due_again(struct chaos *c)
{
    static int looks;
    if (++looks % 200 == 0) chaos_make_due(c);
}

static bool is_held(struct chaos *c)
{
    make_due_again(c);
    return pg_int(&c->sys.pg, "SELECT count(*) " HELD_BY_LIE) > 0;
}

static char cleared[64]; /* when the lie was told no more, by PostgreSQL's clock */

/* Nor is it remembered as refused: the tree has been read once without the lie. */
static bool is_held_no_more(struct chaos *c)
{
    char sql[300];
    make_due_again(c);
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM sync_runs WHERE scope = 'tree' AND state NOT IN ('running', 'failed', 'cancelled')"
             " AND started_at > '%s'",
             cleared);
    return pg_int(&c->sys.pg, "SELECT count(*) " HELD_BY_LIE) == 0 && pg_int(&c->sys.pg, sql) > 0;
}

static void note_time(struct chaos *c, char out[64])
{
    char *now = pg_value(&c->sys.pg, "SELECT clock_timestamp()");
    snprintf(out, 64, "%s", now);
    free(now);
}

/* Objects that the upstream has all the time, and that a run has marked that began when the lie was told already. */
static void check_harm(struct chaos *c, const char *since)
{
    struct sync_world world = {.pg = c->sys.pg, .sim = c->sys.sim};
    struct buf sql = {0};
    PGconn *conn = pg_connect(&c->sys.pg);
    truth_load(&world, conn, false);
    for (int k = TRUTH_PROJECT; k <= TRUTH_ELEVATION; k++) {
        if (k == TRUTH_PHASE) continue;
        buf_printf(&sql,
                   "%s SELECT logikal_id FROM change_items WHERE operation = 'vanished' AND object_type = '%s'"
                   " AND run_id IN (SELECT id FROM sync_runs WHERE started_at > '%s') AND logikal_id IN (SELECT",
                   sql.len ? " UNION ALL" : "", truth_kinds[k].what, since);
        buf_printf(&sql, " c1 FROM (%s) u (c1", truth_kinds[k].upstream);
        for (int i = 2; i <= truth_kinds[k].columns; i++) buf_printf(&sql, ", c%d", i);
        buf_str(&sql, "))");
    }
    PGresult *r = PQexec(conn, sql.data);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) chaos_fail(c, "%s", PQerrorMessage(conn));
    if (PQntuples(r) > 0)
        chaos_fail(c, "%d living objects were marked by a lie, %s among them", PQntuples(r), PQgetvalue(r, 0, 0));
    PQclear(r);
    PQfinish(conn);
    buf_free(&sql);
}

/* Logikal lists no directory any more: held, told, and nobody is harmed; let go when it does again, or answered. */
void upstream_shrinks(struct chaos *c)
{
    char since[64];
    note_time(c, since);
    chaos_say(c, "upstream: lists no directory any more");
    sim_post(&c->sys.sim, "lies", "{\"lies\":[{\"name\":\"empty\",\"where\":\"directory\"}]}");
    chaos_make_due(c);
    chaos_wait(c, "what is missing to be held", is_held);
    chaos_must_show(c, "Not believed to be gone");
    check_harm(c, since);
    sim_post(&c->sys.sim, "lies/clear", "{}");
    note_time(c, cleared);
    /* A refusal would keep what is really missing as well. */
    if (!has_changed) chaos_sql(c, "SELECT logikald_hold_decide(id, 'refuse', 'chaos') " HELD_BY_LIE);
    chaos_make_due(c);
    chaos_wait(c, "what is there again to be held no more", is_held_no_more);
}
