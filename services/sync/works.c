/* Working off the plan: see works.h. The plan stays in the database; only the projects in work are in memory. */
#include "services/sync/works.h"

#include <stdio.h>

#include "services/store/sync_tree.h"

#define PAGE_ROWS 16

struct works {
    struct sync_run *run;
    const char *doing;
    bool with_files;
    int64_t position, done, total;
    int in_work, limit;
    bool has_all, is_filling;
};

static void fill(struct works *ws);

static void on_done(struct project_work *w)
{
    struct works *ws = w->owner;
    ws->in_work--;
    ws->done++;
    run_progress(ws->run, ws->done, ws->total, ws->doing);
    project_work_free(w);
    if (!ws->is_filling) fill(ws);
}

static int begin(struct works *ws, const PGresult *r, int row, struct err *err)
{
    struct project_work *w = project_work_new(ws->run, db_int(r, row, 1), db_text(r, row, 2), db_text(r, row, 3));
    if (!w) return err_set(err, ERR_NOMEM, "no memory");
    w->changed_s = db_int(r, row, 4);
    w->needs_phases = db_bool(r, row, 5);
    w->needs_elevations = db_bool(r, row, 6);
    w->needs_files = ws->with_files;
    w->done = on_done;
    w->owner = ws;
    ws->in_work++;
    int rc = project_work_start(w, err);
    if (rc == 0) return 0;
    project_work_free(w);
    ws->in_work--;
    ws->done++;
    if (rc != -ERR_CONFLICT) return rc;
    ws->run->counts.projects_busy++;
    return 0;
}

static void fill_page(struct works *ws, int rows)
{
    struct err err = {0};
    PGresult *r = tree_plan_page(ws->run->db, ws->position, rows, &err);
    if (!run_check(ws->run, r ? 0 : -ERR_DB, &err)) return;
    int n = PQntuples(r);
    ws->has_all = n < rows;
    for (int i = 0; i < n; i++) {
        ws->position = db_int(r, i, 0);
        if (!run_check(ws->run, begin(ws, r, i, &err), &err)) break;
    }
    PQclear(r);
}

static void fill(struct works *ws)
{
    ws->is_filling = true;
    while (!ws->has_all && ws->in_work < ws->limit && !ws->run->fatal.code && !logikal_is_over(ws->run->client)) {
        int rows = ws->limit - ws->in_work;
        fill_page(ws, rows < PAGE_ROWS ? rows : PAGE_ROWS);
    }
    ws->is_filling = false;
}

int works_run(struct sync_run *run, int64_t total, bool with_files, const char *doing, struct err *err)
{
    int limit = logikal_max_sessions(run->client) * 2;
    struct works ws = {.run = run,
                       .doing = doing,
                       .with_files = with_files,
                       .total = total,
                       .limit = limit < HELD_MAX ? limit : HELD_MAX};
    run_progress(run, 0, total, doing);
    fill(&ws);
    return run_jobs(run, err);
}
