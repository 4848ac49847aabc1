/* Judging the rows after a lie: see lies_harm.h. All of it is SQL over the queries of sync_truth.c: each row of either
 * side becomes a key and a JSON object of its columns c1, c2, ... */
#include "tests/support/lies/lies_harm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"

/* Every row that there is, marked ones included, by the keys of truth_kinds. */
static const char *const rows[] = {
    "SELECT upstream_path AS key, id, deleted_at FROM directories",
    "SELECT logikal_id AS key, id, deleted_at FROM projects",
    ("SELECT (SELECT p.logikal_id FROM projects p WHERE p.id = x.project_id) || '/' || x.logikal_id AS key, x.id,"
     " x.deleted_at FROM phases x"),
    "SELECT logikal_id AS key, id, deleted_at FROM elevations",
};
#define ROWS (sizeof rows / sizeof rows[0])

/* SELECT key, doc of one of the queries. */
static void add_docs(const struct truth_kind *kind, const char *query, struct buf *sql)
{
    buf_str(sql, kind->keys == 2 ? "(SELECT c1 || '/' || c2 AS key, to_jsonb(x) AS doc FROM ("
                                 : "(SELECT c1 AS key, to_jsonb(x) AS doc FROM (");
    buf_printf(sql, "%s) x(", query);
    for (int i = 1; i <= kind->columns; i++) buf_printf(sql, "%sc%d", i > 1 ? "," : "", i);
    buf_str(sql, "))");
}

static void run(PGconn *conn, const char *sql)
{
    PGresult *r = PQexec(conn, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQclear(r);
}

/* Adds what a query finds to harm: the first column is told, each row is one. */
static void count_harm(PGconn *conn, const char *what, const struct buf *sql, struct harm *harm)
{
    PGresult *r = PQexec(conn, sql->data);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) fail_msg("%s: %s", sql->data, PQerrorMessage(conn));
    int n = PQntuples(r);
    harm->rows += n;
    for (int i = 0; i < n && i < 2; i++) {
        size_t len = strlen(harm->text);
        snprintf(harm->text + len, sizeof harm->text - len, "%s: %.200s%s\n", what, PQgetvalue(r, i, 0),
                 i == 1 && n > 2 ? " ..." : "");
    }
    PQclear(r);
}

/* What the upstream has at the moment, by key, as lies.now. */
static void load_now(struct sync_world *w, PGconn *conn)
{
    struct buf sql = {0};
    truth_load(w, conn, true);
    run(conn, "DELETE FROM lies.now");
    for (int k = 0; k < TRUTH_KINDS; k++) {
        buf_reset(&sql);
        buf_printf(&sql, "INSERT INTO lies.now SELECT %d, key, doc FROM ", k);
        add_docs(&truth_kinds[k], truth_kinds[k].upstream, &sql);
        buf_str(&sql, " t");
        run(conn, sql.data);
    }
    run(conn, "DROP TABLE truth, live_projects");
    buf_free(&sql);
}

void harm_begin(struct sync_world *w)
{
    PGconn *conn = pg_connect(&w->pg);
    struct buf sql = {0};
    run(conn, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS lies CASCADE; CREATE SCHEMA lies;"
              " CREATE TABLE lies.now (kind int, key text, doc jsonb);"
              " CREATE TABLE lies.allowed (kind int, key text, doc jsonb);"
              " CREATE TABLE lies.base (kind int, key text, id bigint)");
    for (size_t k = 0; k < ROWS; k++) {
        buf_reset(&sql);
        buf_printf(&sql, "INSERT INTO lies.base SELECT %zu, key, id FROM (%s) r WHERE deleted_at IS NULL", k, rows[k]);
        run(conn, sql.data);
        buf_reset(&sql);
        buf_printf(&sql, "INSERT INTO lies.allowed SELECT %zu, key, doc FROM ", k);
        add_docs(&truth_kinds[k], truth_kinds[k].stored, &sql);
        buf_str(&sql, " s");
        run(conn, sql.data);
    }
    buf_free(&sql);
    PQfinish(conn);
}

void harm_note_truth(struct sync_world *w)
{
    PGconn *conn = pg_connect(&w->pg);
    load_now(w, conn);
    run(conn, "INSERT INTO lies.allowed SELECT * FROM lies.now");
    PQfinish(conn);
}

bool harm_is_named(struct sync_world *w, const char *told)
{
    PGconn *conn = pg_connect(&w->pg);
    const char *const values[] = {told};
    PGresult *r =
        PQexecParams(conn,
                     "SELECT count(*) FROM lies.now, LATERAL (VALUES (CASE kind WHEN 2 THEN doc->>'c2' ELSE key"
                     " END), (CASE kind WHEN 2 THEN doc->>'c3' WHEN 3 THEN doc->>'c4' ELSE doc->>'c2' END)) v(t)"
                     " WHERE kind < 4 AND t <> '' AND strpos($1, t) > 0",
                     1, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) fail_msg("%s", PQerrorMessage(conn));
    bool is_named = strtol(PQgetvalue(r, 0, 0), NULL, 10) > 0;
    PQclear(r);
    PQfinish(conn);
    return is_named;
}

void harm_end(struct sync_world *w)
{
    pg_exec(&w->pg, "DROP SCHEMA lies CASCADE");
}

static void judge_marks(PGconn *conn, size_t k, struct harm *harm)
{
    struct buf sql = {0};
    char what[80];
    buf_printf(&sql,
               "SELECT n.key FROM lies.now n JOIN lies.base b USING (kind, key) WHERE n.kind = %zu AND NOT EXISTS"
               " (SELECT 1 FROM (%s) r WHERE r.key = n.key AND r.deleted_at IS NULL)",
               k, rows[k]);
    snprintf(what, sizeof what, "%s living upstream and marked here", truth_kinds[k].what);
    count_harm(conn, what, &sql, harm);
    buf_reset(&sql);
    buf_printf(&sql,
               "SELECT b.key FROM lies.base b JOIN (%s) r USING (key) WHERE b.kind = %zu AND r.id <> b.id AND"
               " r.deleted_at IS NULL",
               rows[k], k);
    snprintf(what, sizeof what, "%s in another row than before", truth_kinds[k].what);
    count_harm(conn, what, &sql, harm);
    buf_free(&sql);
}

static void judge_values(PGconn *conn, size_t k, struct harm *harm)
{
    struct buf sql = {0};
    char what[80];
    buf_str(&sql, "SELECT s.key || ' ' || e.key || ' = ' || left(e.value::text, 120) FROM ");
    add_docs(&truth_kinds[k], truth_kinds[k].stored, &sql);
    buf_printf(&sql,
               " s JOIN lies.now n ON n.kind = %zu AND n.key = s.key, LATERAL jsonb_each(s.doc) e WHERE e.value <>"
               " 'null' AND e.value NOT IN ('\"\"', '\"Default\"') AND e.value <> s.doc->'c%d' AND NOT EXISTS (SELECT "
               "1 FROM lies.allowed a"
               " WHERE a.kind = n.kind AND a.key = n.key AND a.doc->e.key = e.value)",
               k, truth_kinds[k].keys);
    snprintf(what, sizeof what, "%s with a value that the upstream never had", truth_kinds[k].what);
    count_harm(conn, what, &sql, harm);
    buf_free(&sql);
}

static void judge_extra(PGconn *conn, size_t k, struct harm *harm)
{
    struct buf sql = {0};
    char what[80];
    buf_printf(&sql,
               "SELECT r.key FROM (%s) r WHERE r.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM lies.allowed a WHERE"
               " a.kind = %zu AND a.key = r.key)",
               rows[k], k);
    snprintf(what, sizeof what, "%s that the upstream never had", truth_kinds[k].what);
    count_harm(conn, what, &sql, harm);
    buf_free(&sql);
}

static void judge_freshness(PGconn *conn, int k, struct harm *harm)
{
    struct buf sql = {0};
    char what[80];
    buf_printf(&sql, "SELECT n.key FROM lies.now n WHERE n.kind = %d AND NOT EXISTS (SELECT 1 FROM ", k);
    add_docs(&truth_kinds[k], truth_kinds[k].stored, &sql);
    buf_str(&sql, " s WHERE s.key = n.key AND s.doc = n.doc)");
    snprintf(what, sizeof what, "%s not as the upstream has it now", truth_kinds[k].what);
    struct harm stale = {0};
    count_harm(conn, what, &sql, &stale);
    size_t len = strlen(harm->text);
    snprintf(harm->text + len, sizeof harm->text - len, "%s", stale.text);
    buf_free(&sql);
}

void harm_judge(struct sync_world *w, bool with_values, bool with_extra, unsigned fresh, struct harm *harm)
{
    PGconn *conn = pg_connect(&w->pg);
    for (size_t k = 0; k < ROWS; k++) {
        judge_marks(conn, k, harm);
        if (with_values) judge_values(conn, k, harm);
        if (with_extra) judge_extra(conn, k, harm);
    }
    for (int k = 0; k < TRUTH_KINDS; k++)
        if (fresh & 1U << k) judge_freshness(conn, k, harm);
    PQfinish(conn);
}
