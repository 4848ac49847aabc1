/* The statements of the deliverer of webhooks, each under the endpoint's lease. */
#include "services/store/webhooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/utf8.h"
#include "services/store/db/db.h"
#include "services/store/web/feed/changes_read.h"

/* Ends with the statement's transaction; the row lock keeps a successor out until then. */
/* Rows are locked in one order, by web too: the lease, the webhook, its batch. */
#define HELD "held AS MATERIALIZED (SELECT 1 FROM leases WHERE name = $1 AND token = $2::bigint FOR SHARE)"
#define LOCKED                                                                                                         \
    HELD ", locked AS MATERIALIZED (SELECT w.id FROM held, webhooks w WHERE w.id = $3::bigint FOR UPDATE OF w)"

/* The place in four values, from one text. */
#define PLACE(n)                                                                                                       \
    "split_part($" #n ", '-', 1)::integer, split_part($" #n ", '-', 2)::xid8, split_part($" #n                         \
    ", '-', 3)::bigint, split_part($" #n ", '-', 4)::bigint"
#define PLACE_4 PLACE(4)
#define PLACE_5 PLACE(5)
#define PLACE_8 PLACE(8)

int webhooks_due(struct db *db, int64_t *ids, int limit, int64_t *wait_ms, struct err *err)
{
    char text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(text, limit)};
    PGresult *r = db_query(
        db, err,
        "SELECT id, CASE WHEN next_try_at <= clock_timestamp() THEN 0 ELSE"
        "  ceil(extract(epoch FROM next_try_at - clock_timestamp()) * 1000)::bigint END FROM logikald_webhooks_due()"
        " ORDER BY 2, next_try_at, id LIMIT $1::integer",
        1, values);
    if (!r) return -ERR_DB;
    int count = 0;
    *wait_ms = -1;
    for (int i = 0; i < PQntuples(r); i++) {
        int64_t left_ms = db_int(r, i, 1);
        if (left_ms == 0)
            ids[count++] = db_int(r, i, 0);
        else if (*wait_ms < 0)
            *wait_ms = left_ms;
    }
    PQclear(r);
    return count;
}

int webhooks_ask(struct db *db, struct err *err)
{
    int64_t rows =
        db_exec(db, err,
                "UPDATE webhook_asks SET asked_at = clock_timestamp() WHERE (asked_at <= taken_at OR asked_at"
                " < clock_timestamp() - interval '30 s') AND EXISTS (SELECT FROM webhooks WHERE state ="
                " 'active')",
                0, NULL);
    return rows < 0 ? -ERR_DB : rows > 0;
}

int webhooks_take(struct db *db, struct err *err)
{
    return db_exec(db, err,
                   "UPDATE webhook_asks SET taken_at = clock_timestamp() WHERE EXISTS"
                   " (SELECT FROM webhooks WHERE state = 'active')",
                   0, NULL) < 0
               ? -ERR_DB
               : 0;
}

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

static void take_secrets(const char *lines, struct webhook *out)
{
    for (const char *p = lines; p && *p && out->secret_count < WEBHOOK_SECRETS; p += strcspn(p, "\n"), p += *p == '\n')
        out->sealed[out->secret_count++] = strndup(p, strcspn(p, "\n"));
}

int webhook_load(struct db *db, int64_t id, struct webhook *out, struct err *err)
{
    char text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(text, id)};
    *out = (struct webhook){.id = id};
    PGresult *r = db_query(
        db, err,
        "SELECT w.url, w.format, w.state, nullif(array_to_string(w.types, ','), ''),"
        " nullif(array_to_string(w.projects, ','), ''), concat_ws('-', w.epoch, w.xid, w.seq, w.item), w.failures,"
        " (extract(epoch FROM clock_timestamp() - coalesce(w.failing_since, clock_timestamp())) * 1000)::bigint,"
        " w.client_id IS NULL OR (c.is_active AND c.permissions::jsonb @> '[\"projects:read\", \"elevations:read\","
        "  \"webhooks:manage\"]'), b.id, b.body, b.changes, b.tries, concat_ws('-', b.epoch, b.xid, b.seq, b.item),"
        " (SELECT string_agg(sealed, E'\\n' ORDER BY id DESC) FROM webhook_secrets s WHERE s.webhook_id = w.id"
        "  AND s.ends_at > clock_timestamp()), w.has_gap"
        " FROM webhooks w LEFT JOIN webhook_batches b ON b.webhook_id = w.id"
        " LEFT JOIN clients c ON c.client_id = w.client_id WHERE w.id = $1::bigint",
        1, values);
    if (!r) return -ERR_DB;
    int rows = PQntuples(r);
    if (rows == 1) {
        snprintf(out->url, sizeof out->url, "%s", db_text(r, 0, 0));
        snprintf(out->format, sizeof out->format, "%s", db_text(r, 0, 1));
        snprintf(out->state, sizeof out->state, "%s", db_text(r, 0, 2));
        out->types = copy(db_text(r, 0, 3));
        out->projects = copy(db_text(r, 0, 4));
        snprintf(out->place.text, sizeof out->place.text, "%s", db_text(r, 0, 5));
        out->failures = (int)db_int(r, 0, 6);
        out->failing_ms = db_int(r, 0, 7);
        out->may = db_bool(r, 0, 8);
        snprintf(out->batch.id, sizeof out->batch.id, "%s", db_text(r, 0, 9) ? db_text(r, 0, 9) : "");
        out->batch.body = copy(db_text(r, 0, 10));
        out->batch.changes = (int)db_int(r, 0, 11);
        out->batch.tries = (int)db_int(r, 0, 12);
        snprintf(out->batch.after.text, sizeof out->batch.after.text, "%s", db_text(r, 0, 13));
        take_secrets(db_text(r, 0, 14), out);
        out->has_gap = db_bool(r, 0, 15);
    }
    PQclear(r);
    return rows;
}

void webhook_free(struct webhook *w)
{
    free(w->types);
    free(w->projects);
    free(w->batch.body);
    for (int i = 0; i < w->secret_count; i++) free(w->sealed[i]);
    *w = (struct webhook){0};
}

PGresult *webhook_changes(struct db *db, const struct webhook *w, int limit, struct err *err)
{
    char parts[4][32] = {"", "", "", ""}, count[DB_NUMBER_SIZE];
    sscanf(w->place.text, "%31[0-9]-%31[0-9]-%31[0-9]-%31[0-9]", parts[0], parts[1], parts[2], parts[3]);
    const char *values[] = {
        parts[0], parts[1], parts[2], parts[3], w->types, w->projects, NULL, db_number(count, limit), NULL};
    return db_query(db, err, query_changes_page.sql, 9, values);
}

int webhooks_kept_from(struct db *db, bool is_oldest, struct webhook_place *out, struct err *err)
{
    PGresult *r = db_query(db, err,
                           is_oldest ? "SELECT concat_ws('-', pruned_epoch, pruned_xid, pruned_seq, 999999) FROM"
                                       " changes_state"
                                     : query_changes_head.sql,
                           0, NULL);
    if (!r) return -ERR_DB;
    snprintf(out->text, sizeof out->text, "%s", db_text(r, 0, 0));
    PQclear(r);
    return 0;
}

int webhook_object_name(struct db *db, const char *change, char *out, size_t size, struct err *err)
{
    const char *values[] = {change};
    PGresult *r =
        db_query(db, err,
                 "SELECT CASE c ->> 'type' WHEN 'directory' THEN (SELECT name FROM directories WHERE id = row)"
                 "  WHEN 'project' THEN (SELECT name FROM projects WHERE id = row)"
                 "  WHEN 'phase' THEN (SELECT name FROM phases WHERE id = row)"
                 "  ELSE (SELECT name FROM elevations WHERE id = row) END"
                 " FROM (SELECT $1::jsonb AS c, ($1::jsonb ->> 'id')::bigint AS row) i",
                 1, values);
    if (!r) return -ERR_DB;
    snprintf(out, size, "%s", db_text(r, 0, 0) ? db_text(r, 0, 0) : "");
    utf8_finish(out);
    PQclear(r);
    return 0;
}

/* values[0] and [1] become the lease. 0, or -ERR_CONFLICT when the statement touched nothing. */
static int write(struct db *db, const struct lease *lease, const char *sql, int n, const char **values, struct err *err)
{
    char token[DB_NUMBER_SIZE];
    values[0] = lease->name;
    values[1] = db_number(token, lease->token);
    PGresult *r = db_query(db, err, sql, n, values);
    if (!r) return -ERR_DB;
    int rows = PQntuples(r);
    PQclear(r);
    return rows > 0 ? 0 : err_set(err, ERR_CONFLICT, "%s has changed meanwhile, or is another's now", lease->name);
}

int webhook_batch_put(struct db *db, const struct lease *lease, const struct webhook *w,
                      const struct webhook_batch *batch, struct err *err)
{
    char id[DB_NUMBER_SIZE], changes[DB_NUMBER_SIZE];
    const char *values[] = {NULL,
                            NULL,
                            db_number(id, w->id),
                            w->place.text,
                            batch->id,
                            batch->body,
                            db_number(changes, batch->changes),
                            batch->after.text};
    return write(db, lease,
                 "WITH " HELD ", w AS (SELECT w.id FROM held, webhooks w WHERE w.id = $3::bigint AND w.state = 'active'"
                 "  AND (w.epoch, w.xid, w.seq, w.item) = (" PLACE_4 ") FOR UPDATE OF w)"
                 " INSERT INTO webhook_batches (webhook_id, id, body, changes, epoch, xid, seq, item)"
                 " SELECT w.id, $5, $6, $7::integer, " PLACE_8 " FROM w RETURNING 1",
                 8, values, err);
}

int webhook_gap_told(struct db *db, const struct webhook *w, struct err *err)
{
    char text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(text, w->id)};
    return db_exec(db, err, "UPDATE webhooks SET has_gap = false WHERE id = $1::bigint", 1, values) < 0 ? -ERR_DB : 0;
}

int webhook_skip(struct db *db, const struct lease *lease, const struct webhook *w, const struct webhook_place *place,
                 struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {NULL, NULL, db_number(id, w->id), w->place.text, place->text};
    return write(db, lease,
                 "WITH " HELD " UPDATE webhooks w SET (epoch, xid, seq, item) = (SELECT " PLACE_5 ") FROM held"
                 " WHERE w.id = $3::bigint AND (w.epoch, w.xid, w.seq, w.item) = (" PLACE_4 ") RETURNING 1",
                 5, values, err);
}

#define RING "60" /* tries of an endpoint that are kept */
#define NOTE_TRY                                                                                                       \
    " noted AS (INSERT INTO webhook_tries (webhook_id, slot, at, batch_id, status, ms, changes, error)"                \
    "  SELECT id, tries % " RING                                                                                       \
    ", clock_timestamp(), $4, nullif($5::integer, 0), $6::integer, changes, $7 FROM moved"                             \
    "  ON CONFLICT (webhook_id, slot) DO UPDATE SET at = excluded.at, batch_id = excluded.batch_id,"                   \
    "   status = excluded.status, ms = excluded.ms, changes = excluded.changes, error = excluded.error)"

int webhook_delivered(struct db *db, const struct lease *lease, const struct webhook *w, const struct webhook_try *t,
                      struct err *err)
{
    char id[DB_NUMBER_SIZE], status[DB_NUMBER_SIZE], took[DB_NUMBER_SIZE];
    const char *values[] = {
        NULL, NULL, db_number(id, w->id), w->batch.id, db_number(status, t->status), db_number(took, t->took_ms), ""};
    return write(db, lease,
                 "WITH " LOCKED ", gone AS (DELETE FROM webhook_batches b USING locked l WHERE b.webhook_id = l.id AND"
                 "  b.id = $4 RETURNING b.*),"
                 " moved AS (UPDATE webhooks w SET epoch = g.epoch, xid = g.xid, seq = g.seq, item = g.item,"
                 "  next_try_at = '-infinity', failing_since = NULL, failures = 0, tries = w.tries + 1,"
                 "  last_at = clock_timestamp(), last_success_at = clock_timestamp(), last_status = $5::integer,"
                 "  last_ms = $6::integer, last_error = '', delivered = w.delivered + g.changes FROM gone g"
                 "  WHERE w.id = g.webhook_id RETURNING w.id, w.tries, g.changes)," NOTE_TRY " SELECT 1 FROM moved",
                 7, values, err);
}

int webhook_refused(struct db *db, const struct lease *lease, const struct webhook *w, const struct webhook_try *t,
                    int64_t wait_ms, const char *state, struct err *err)
{
    char id[DB_NUMBER_SIZE], status[DB_NUMBER_SIZE], took[DB_NUMBER_SIZE], wait[DB_NUMBER_SIZE];
    const char *values[] = {NULL,
                            NULL,
                            db_number(id, w->id),
                            w->batch.id,
                            db_number(status, t->status),
                            db_number(took, t->took_ms),
                            t->error,
                            db_number(wait, wait_ms),
                            state};
    return write(db, lease,
                 "WITH " LOCKED ", tried AS (UPDATE webhook_batches b SET tries = b.tries + 1 FROM locked l"
                 "  WHERE b.webhook_id = l.id AND b.id = $4 RETURNING b.*),"
                 " moved AS (UPDATE webhooks w SET next_try_at = clock_timestamp() + $8::bigint * interval '1 ms',"
                 "  failing_since = coalesce(w.failing_since, clock_timestamp()), failures = w.failures + 1,"
                 "  tries = w.tries + 1, last_at = clock_timestamp(), last_status = nullif($5::integer, 0),"
                 "  last_ms = $6::integer, last_error = $7,"
                 "  state_reason = CASE WHEN $9 = 'active' THEN w.state_reason ELSE $7 END,"
                 "  state_at = CASE WHEN $9 = 'active' THEN w.state_at ELSE clock_timestamp() END,"
                 "  state = CASE WHEN w.state = 'active' THEN $9 ELSE w.state END"
                 "  FROM tried t WHERE w.id = t.webhook_id RETURNING w.id, w.tries, t.changes)," NOTE_TRY
                 " SELECT 1 FROM moved",
                 9, values, err);
}

int webhook_set_state(struct db *db, const struct lease *lease, const struct webhook *w, const char *state,
                      const char *why, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {NULL, NULL, db_number(id, w->id), state, why};
    return write(db, lease,
                 "WITH " HELD " UPDATE webhooks w SET state = $4, state_reason = $5, state_at = clock_timestamp(),"
                 " last_error = $5 FROM held WHERE w.id = $3::bigint AND w.state = 'active' RETURNING 1",
                 5, values, err);
}
