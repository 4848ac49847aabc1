/* Working off the list: see worklist.h. The list stays in the database; only the projects in work are in memory. */
#include "services/sync/project/worklist.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "conf/clock.h"
#include "services/store/sync/sync_share.h"
#include "services/sync/project/helper.h"
#include "services/sync/project/project.h"

#define PAGE_ROWS   16
#define WAIT_MS     50
#define LOOK_MS     1000
#define COUNT_COUNT ((int)(sizeof(struct sync_counts) / sizeof(int64_t)))
_Static_assert(sizeof(struct sync_counts) % sizeof(int64_t) == 0, "sync_counts is an array of int64_t");

struct worklist {
    struct sync_run *run;
    const char *doing;
    int64_t list; /* the run whose list it is */
    bool is_helper;
    int64_t done, taken, total;
    int64_t done_by_others, looked_ms;
    struct helper_call help;
    int in_work, limit;
    bool has_all, is_filling;
    struct sync_counts told; /* helper: what the leader has been told of */
    size_t told_errors;
};

static void fill(struct worklist *ws);

static void show(struct worklist *ws)
{
    struct err err = {0};
    struct shares_state state;
    if (!ws->is_helper && mono_ms() - ws->looked_ms >= LOOK_MS) {
        ws->looked_ms = mono_ms();
        if (run_check(ws->run, shares_look(ws->run->db, ws->list, &ws->run->lease, &state, &err), &err))
            ws->done_by_others = state.done;
    }
    run_progress(ws->run, ws->done + ws->done_by_others, ws->is_helper ? ws->taken : ws->total, ws->doing);
}

/* What this helper has counted since it last told. */
static int tell(struct worklist *ws, int64_t seq, struct err *err)
{
    struct sync_run *run = ws->run;
    int64_t now[COUNT_COUNT], before[COUNT_COUNT];
    char number[DB_NUMBER_SIZE];
    struct buf counts = {0};
    memcpy(now, &run->counts, sizeof now);
    memcpy(before, &ws->told, sizeof before);
    db_array_begin(&counts);
    for (int i = 0; i < COUNT_COUNT; i++) db_array_add(&counts, db_number(number, now[i] - before[i]));
    db_array_end(&counts);
    const char *errors = run->errors.len > ws->told_errors ? run->errors.data + ws->told_errors : NULL;
    if (errors && *errors == '\n') errors++;
    int rc = counts.failed ? err_set(err, ERR_NOMEM, "no memory")
                           : shares_done(run->db, ws->list, seq, &run->lease, counts.data, errors, err);
    buf_free(&counts);
    ws->told = run->counts;
    ws->told_errors = run->errors.len;
    return rc;
}

static void finish(struct worklist *ws, int64_t seq)
{
    struct err err = {0};
    ws->done++;
    int rc = ws->is_helper ? tell(ws, seq, &err) : shares_forget(ws->run->db, ws->list, seq, &err);
    run_check(ws->run, rc, &err);
    show(ws);
}

/* Its directory has just listed it, and a fresh session could not select it either. */
static void note_gone(const struct project_work *w)
{
    char label[PROJECT_LABEL_SIZE];
    w->run->counts.failed_projects++;
    run_note_error(w->run, "project %s is listed in its directory, but cannot be selected there: not found",
                   project_work_label(w, label, sizeof label));
}

static void on_done(struct project_work *w)
{
    struct worklist *ws = w->owner;
    struct sync_run *run = ws->run;
    bool is_over = w->is_cancelled || run->fatal.code || logikal_is_over(run->client);
    int64_t seq = w->tag;
    ws->in_work--;
    if (w->is_gone) note_gone(w);
    project_work_free(w);
    if (!is_over) finish(ws, seq);
    if (!ws->is_filling) fill(ws);
}

static int begin(struct worklist *ws, const PGresult *r, int row, struct err *err)
{
    if (run_was_said(ws->run, db_text(r, row, 2))) { /* it was found to be locked in this run */
        finish(ws, db_int(r, row, 0));
        return 0;
    }
    struct project_work *w = project_work_new(ws->run, db_int(r, row, 1), db_text(r, row, 2), db_text(r, row, 3));
    if (!w) return err_set(err, ERR_NOMEM, "no memory");
    w->changed_s = db_int(r, row, 4);
    w->needs_phases = db_bool(r, row, 5);
    w->needs_elevations = db_bool(r, row, 6);
    w->needs_files = db_bool(r, row, 7);
    w->done = on_done;
    w->owner = ws;
    w->tag = db_int(r, row, 0);
    ws->in_work++;
    int rc = project_work_start(w, err);
    if (rc == 0) return 0;
    project_work_free(w);
    ws->in_work--;
    if (rc != -ERR_CONFLICT) return rc;
    ws->run->counts.projects_busy++;
    finish(ws, db_int(r, row, 0));
    return 0;
}

static void fill_page(struct worklist *ws, int rows)
{
    struct err err = {0};
    PGresult *r = shares_take(ws->run->db, ws->list, &ws->run->lease, rows, &err);
    if (!run_check(ws->run, r ? 0 : -ERR_DB, &err)) return;
    int n = PQntuples(r);
    ws->has_all = n < rows;
    ws->taken += n;
    for (int i = 0; i < n; i++)
        if (!run_check(ws->run, begin(ws, r, i, &err), &err)) break;
    PQclear(r);
}

static void fill(struct worklist *ws)
{
    ws->is_filling = true;
    while (!ws->has_all && ws->in_work < ws->limit && !ws->run->fatal.code && !logikal_is_over(ws->run->client)) {
        int rows = ws->limit - ws->in_work;
        fill_page(ws, rows < PAGE_ROWS ? rows : PAGE_ROWS);
    }
    ws->is_filling = false;
    int64_t left = ws->total - ws->taken - ws->done_by_others;
    if (!ws->is_helper && !ws->has_all && left > ws->limit) helper_ask(ws->run, &ws->help);
}

static struct worklist worklist_new(struct sync_run *run, int64_t list, const char *doing)
{
    int limit = logikal_max_sessions(run->client) * 2;
    return (struct worklist){.run = run, .list = list, .doing = doing, .limit = limit < HELD_MAX ? limit : HELD_MAX};
}

/* Until a project is free again (its helper died), or all are done: 1 = there are some to take, 0 = none is left. */
static int wait_for_others(struct worklist *ws, struct err *err)
{
    const struct timespec pause = {.tv_nsec = WAIT_MS * 1000000L};
    struct sync_run *run = ws->run;
    for (;;) {
        struct shares_state state;
        if (helper_free_lost(run, ws->list, err) < 0 || shares_look(run->db, ws->list, &run->lease, &state, err) < 0)
            return -ERR_DB;
        ws->done_by_others = state.done;
        if (state.free) return 1;
        if (!state.in_work) return 0;
        show(ws);
        int rc = run_tick(run, err);
        if (rc < 0) return rc;
        nanosleep(&pause, NULL);
    }
}

static int add_helped(struct worklist *ws, struct err *err)
{
    struct sync_run *run = ws->run;
    int64_t counts[COUNT_COUNT];
    struct buf errors = {0};
    memcpy(counts, &run->counts, sizeof counts);
    int64_t helped = shares_collect(run->db, ws->list, counts, COUNT_COUNT, &errors, err);
    if (helped > 0) {
        memcpy(&run->counts, counts, sizeof counts);
        run->projects_helped += helped;
        run_note_errors(run, errors.data);
    }
    buf_free(&errors);
    return helped < 0 ? -ERR_DB : 0;
}

int worklist_run(struct sync_run *run, int64_t total, bool with_files, const char *doing, struct err *err)
{
    struct worklist ws = worklist_new(run, run->id, doing);
    ws.total = total;
    if (shares_publish(&run->stage, run->id, with_files, err) < 0) return -ERR_DB;
    run_progress(run, 0, total, doing);
    int rc;
    do {
        ws.has_all = false;
        fill(&ws);
        rc = run_jobs(run, err);
        if (rc == 0) rc = wait_for_others(&ws, err);
    } while (rc == 1);
    if (db_is_alive(run->db) && add_helped(&ws, rc == 0 ? err : NULL) < 0 && rc == 0) rc = -ERR_DB;
    if (rc == 0) rc = stage_check(&run->stage, err); /* an empty list is a finished one only when nothing was lost */
    shares_drop(run->db, run->id);
    return rc;
}

int worklist_help(struct sync_run *run, int64_t *projects, struct err *err)
{
    struct worklist ws = worklist_new(run, run->helps, "helping with projects");
    ws.is_helper = true;
    fill(&ws);
    int rc = run_jobs(run, err);
    *projects = ws.done;
    return rc;
}
