/* See store.h. */
#include "tests/support/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"

void store_start(struct store *s)
{
    char url[300], *output = NULL;
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), "migrate", NULL}, *env[] = {url, NULL};
    *s = (struct store){0};
    pg_start(&s->pg);
    snprintf(url, sizeof url, "DATABASE_URL=%s", s->pg.url);
    if (process_run(argv, env, &output) != 0) fail_msg("migrate failed: %s", output);
    free(output);
    s->db = db_open(s->pg.url, NULL, 60000, "test", &s->err);
    if (!s->db) fail_msg("%s", s->err.text);
}

void store_stop(struct store *s)
{
    if (s->stage.id) stage_close(&s->stage);
    db_close(s->db);
    pg_stop(&s->pg);
}

void store_lease(struct store *s, const char *name)
{
    if (lease_acquire(s->db, &s->lease, name, "test", 600000, &s->err) < 0) fail_msg("%s", s->err.text);
}

void store_stage(struct store *s, const char *name)
{
    store_lease(s, name);
    if (stage_open(&s->stage, s->db, &s->lease, 1000, &s->err) < 0) fail_msg("%s", s->err.text);
}

void store_sql(struct store *s, const char *text)
{
    struct buf full = {0};
    struct err err = {0};
    const char *from = text;
    for (const char *p; s->stage.id && (p = strstr(from, "STAGE")); from = p + 5)
        buf_printf(&full, "%.*s%lld", (int)(p - from), from, (long long)s->stage.id);
    buf_str(&full, from);
    if (full.failed || db_script(s->db, &err, full.data) < 0) fail_msg("%s: %s", text, err.text);
    buf_free(&full);
}

char *store_value(struct store *s, const char *sql)
{
    struct err err = {0};
    PGresult *r = db_query(s->db, &err, sql, 0, NULL);
    if (!r) fail_msg("%s: %s", sql, err.text);
    char *value = strdup(PQntuples(r) && db_text(r, 0, 0) ? db_text(r, 0, 0) : "");
    PQclear(r);
    return value;
}

int64_t store_int(struct store *s, const char *sql)
{
    char *value = store_value(s, sql);
    int64_t number = atoll(value);
    free(value);
    return number;
}

void store_expect_at(struct store *s, const char *text, const char *sql, const char *file, int line)
{
    char *got = store_value(s, sql);
    if (strcmp(got, text) != 0) {
        print_error("%s instead of %s: %s\n", got, text, sql);
        _fail(file, line);
    }
    free(got);
}

const char *store_rows(PGresult *r)
{
    static char text[4000];
    struct buf out = {0};
    assert_non_null(r);
    for (int row = 0; row < PQntuples(r); row++) {
        if (row) buf_str(&out, "; ");
        for (int column = 0; column < PQnfields(r); column++) {
            const char *cell = db_text(r, row, column);
            buf_printf(&out, "%s%s", column ? " " : "", !cell ? "-" : *cell ? cell : "''");
        }
    }
    snprintf(text, sizeof text, "%s", out.len ? out.data : "");
    buf_free(&out);
    PQclear(r);
    return text;
}

void store_one_elevation(struct store *s)
{
    store_sql(
        s,
        "DELETE FROM sync_missing; DELETE FROM sync_runs; DELETE FROM sync_stage_projects; DELETE FROM sync_stage_plan;"
        "DELETE FROM elevations; DELETE FROM phases; DELETE FROM projects; DELETE FROM directories;"
        "INSERT INTO directories (id, logikal_id, name, upstream_chain) VALUES (1, 'A', 'A', 'A');"
        "INSERT INTO projects (id, logikal_id, name, directory_id) VALUES (1, 'p1', 'one', 1);"
        "INSERT INTO phases (id, logikal_id, name, project_id, sync_status) VALUES (1, 'f1', 'f', 1, 'x');"
        "INSERT INTO elevations (id, logikal_id, name, project_id, phase_id, sync_status, has_parts_data, parse_status,"
        " parse_retry_count, version_id, api_changed_date) VALUES (1, 'e1', 'one', 1, 1, 'x', false, 'success', 0, "
        "'v1',"
        " to_timestamp(1000))");
}
