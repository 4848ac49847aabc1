/* One run of the sync, whatever its scope: its database connection, its lease, its upstream client, its stage, its
 * counts, and how it tells of its progress. See run.h. */
#include "services/sync/run/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "conf/text/hash.h"
#include "conf/log.h"
#include "conf/text/utf8.h"
#include "services/store/owner.h"
#include "services/store/sizes.h"
#include "services/store/sync/sync_log.h"
#include "services/store/sync/sync_preview.h"
#include "services/store/sync/sync_share.h"
#include "services/sync/run/filing.h"
#include "services/sync/run/run_sessions.h"

#define ERRORS_KEPT 20
#define SHOW_MS     500
#define FILING_MS   50
#define TROUBLE_MS  2000 /* shorter ones are no news */

static bool on_is_cancelled(void *arg)
{
    struct sync_run *run = arg;
    return run->ctx->ops->is_cancelled(run->ctx->self);
}

/* Told when it begins to last, anew when it is another one, and when it is over. */
static int show_trouble(struct sync_run *run, struct err *err)
{
    int64_t ms = 0;
    const char *trouble = run->client ? logikal_trouble(run->client, &ms) : NULL;
    if (ms < TROUBLE_MS) trouble = NULL;
    if (strcmp(run->trouble, trouble ? trouble : "") == 0) return 0;
    snprintf(run->trouble, sizeof run->trouble, "%s", trouble ? trouble : "");
    return sync_run_trouble(run->db, run->id, trouble, ms, err);
}

static int show_progress(struct sync_run *run, struct err *err)
{
    run->ctx->ops->progress(run->ctx->self, run->current, run->total, run->doing);
    if (!run->id || mono_ms() - run->shown_ms < SHOW_MS) return 0;
    run->shown_ms = mono_ms();
    int rc = show_trouble(run, err);
    return rc < 0 ? rc : sync_run_progress(run->db, run->id, run->current, run->total, run->doing, err);
}

/* A helper's work ends with the run that it helps. */
static int look_at_helped(struct sync_run *run, struct err *err)
{
    if (!run->helps || mono_ms() - run->helps_seen_ms < SHOW_MS) return 0;
    int lives = shares_run_lives(run->db, run->helps, err);
    run->helps_seen_ms = mono_ms();
    return lives == 0 ? err_set(err, ERR_CANCELLED, "the sync that was helped has ended") : lives < 0 ? lives : 0;
}

void run_tell_feed(struct sync_run *run)
{
    const struct sync_counts *c = &run->counts;
    int64_t rows = c->directories_written + c->projects_written + c->phases_written + c->elevations_written +
                   c->thumbnails + c->thumbnails_failed + c->parts_lists + c->parts_failed + c->vanished;
    if (rows != run->rows_told) run->feed.is_owed = true;
    run->rows_told = rows;
    if (run->is_dry) return;
    feed_tick(&run->feed, run->ctx, run->db, false);
}

static int on_tick(void *arg, struct err *err)
{
    struct sync_run *run = arg;
    if (run->fatal.code) return err_set(err, run->fatal.code, "%s", run->fatal.text);
    int rc = lease_renew(run->db, &run->lease, err);
    for (int i = 0; i < HELD_MAX && rc == 0; i++)
        if (run->held[i]) rc = lease_renew(run->db, run->held[i], err);
    if (rc == 0) rc = look_at_helped(run, err);
    run_tell_feed(run);
    return rc < 0 ? rc : show_progress(run, err);
}

static void on_turn(void *arg)
{
    struct sync_run *run = arg;
    filing_tell(run->filing);
}

static void on_filed(void *arg)
{
    struct sync_run *run = arg;
    logikal_wake(run->client);
}

int64_t run_parts_limit(const struct sync_run *run)
{
    int64_t most = conf_int(run->ctx->conf, SET_PARTS_MAX),
            answer = conf_int(run->ctx->conf, SET_LOGIKAL_MAX_ANSWER) / 4 * 3;
    return most < answer ? most : answer;
}

struct filing *run_filing(struct sync_run *run, struct err *err)
{
    if (!run->filing)
        run->filing = filing_start(run->ctx->conf, run->helps ? run->helps : run->id, run->ctx->id, on_filed, run, err);
    return run->filing;
}

int run_tick(struct sync_run *run, struct err *err)
{
    if (on_is_cancelled(run)) return err_set(err, ERR_CANCELLED, "the sync was cancelled");
    return on_tick(run, err);
}

static void on_noted(void *arg, const char *key, const char *text)
{
    if (!key || run_first(arg, key)) run_note_error(arg, "%s", text);
}

static void on_refused(void *arg, const char *type, const char *id, const char *why)
{
    struct sync_run *run = arg;
    run->counts.objects_refused++;
    run_note_error(run, "%s %.*s could not be stored: %s", type, NAME_OF(id), why);
}

int run_open(struct sync_run *run, struct task_ctx *ctx, const struct run_ask *ask, struct err *err)
{
    char owner[LEASE_OWNER_SIZE];
    *run = (struct sync_run){.ctx = ctx, .is_forced = ask->is_forced, .started_ms = mono_ms(), .next_listing = 1};
    run->with_thumbnails = conf_bool(ctx->conf, SET_SYNC_THUMBNAILS);
    run->with_parts = conf_bool(ctx->conf, SET_SYNC_PARTS);
    if ((run->is_dry = ask->is_dry)) run->with_thumbnails = run->with_parts = false;
    owner_self(owner, ctx->id);
    run->db = db_open_conf(ctx->conf, true, "logikald sync", err);
    if (!run->db) return err_result(err);
    if (run->is_dry && preview_begin(run->db, err) < 0) return err_result(err);
    /* What is lost with the server's crash is fetched again; the end of the run waits for the disk. */
    if (db_relax(run->db, true, err) < 0) return err_result(err);
    int rc = owner_take_lease(run->db, &run->lease, ask->scope, owner, LEASE_TTL_MS, err);
    if (rc < 0) return rc;
    if (sync_run_abandon(run->db, ask->scope, err) < 0) return -ERR_DB;
    run->id = sync_run_begin(run->db, ask->scope, ctx, ask->asks, ask->is_forced, err);
    if (run->id < 0) {
        run->id = 0;
        return -ERR_DB;
    }
    if (db_origin(run->db, run->id, ctx->id, err) < 0) return -ERR_DB;
    if (stage_open(&run->stage, run->db, &run->lease, conf_int(ctx->conf, SET_SYNC_BATCH), err) < 0) return -ERR_DB;
    if (files_limit(run->db, run_parts_limit(run), err) < 0) return -ERR_DB;
    run->stage.takes_all = ask->is_forced;
    run->stage.refused = on_refused;
    run->stage.noted = on_noted;
    run->stage.refused_arg = run;
    return 0;
}

int run_connect(struct sync_run *run, struct err *err)
{
    const struct conf *conf = run->ctx->conf;
    enum sideways sideways[LEVEL_COUNT];
    struct logikal_hooks hooks = {.is_cancelled = on_is_cancelled, .tick = on_tick, .turn = on_turn, .arg = run};
    run_sessions_hook(&hooks);
    if (run_sessions_recall(run, sideways, err) < 0) return -ERR_DB;
    run->client = logikal_new(conf, &hooks, sideways, err);
    if (!run->client) return err_result(err);
    return run_sessions_left(run, err);
}

/* One line for a run that asked the upstream for something. */
static void run_log(const struct sync_run *run, const char *state)
{
    const struct sync_counts *c = &run->counts;
    if (!run->client) return;
    const struct logikal_stats *calls = logikal_stats(run->client);
    log_info("%s: %ssync %s in %.1f s: %lld directories, %lld projects (%lld unchanged), %lld phases, %lld elevations, "
             "%lld thumbnails, %lld parts lists; %lld calls, %lld logins, %lld errors",
             run->lease.name, run->is_dry ? "dry run of the " : "", state, (double)run_duration_ms(run) / 1000,
             (long long)c->directories, (long long)c->projects, (long long)c->projects_skipped, (long long)c->phases,
             (long long)c->elevations, (long long)c->thumbnails, (long long)c->parts_lists, (long long)calls->calls,
             (long long)calls->logins, (long long)run->error_count);
}

void run_close(struct sync_run *run, const char *state, const cJSON *result)
{
    run_log(run, state);
    filing_stop(run->filing);
    run->filing = NULL;
    logikal_free(run->client);
    run->client = NULL;
    framer_free(run->framer); /* all jobs are gone */
    run->framer = NULL;
    if (db_is_alive(run->db)) {
        char *text = result ? cJSON_PrintUnformatted(result) : NULL;
        db_rollback(run->db);
        for (int i = 0; i < HELD_MAX; i++)
            if (run->held[i]) run_let_project(run, run->held[i]);
        db_relax(run->db, false, NULL);
        stage_close(&run->stage);
        if (run->id) sync_run_end(run->db, run->id, state, text, NULL);
        if (!run->is_dry) sizes_sample(run->db, NULL);
        lease_release(run->db, &run->lease);
        run->feed.is_owed |= run->id != 0;
        if (!run->is_dry) feed_tick(&run->feed, run->ctx, run->db, true);
        free(text);
    }
    run->id = 0;
    stage_close(&run->stage);
    buf_free(&run->errors);
    buf_free(&run->told);
    db_close(run->db);
    run->db = NULL;
}

int run_jobs(struct sync_run *run, struct err *err)
{
    int rc;
    struct err why = {0};
    do {
        rc = logikal_run(run->client, &why);
        while (rc == 0 && !run->fatal.code && logikal_pending(run->client) == 0 &&
               filing_is_busy(run->filing, FILING_MS)) {
            filing_tell(run->filing);
            rc = run_tick(run, &why);
            if (rc < 0) logikal_fail(run->client, why.code, why.text);
        }
    } while (rc == 0 && !run->fatal.code && logikal_pending(run->client) > 0);
    if (rc < 0 || run->fatal.code) { /* the client is over, so that nobody goes on with files */
        if (rc == 0) logikal_fail(run->client, run->fatal.code, run->fatal.text);
        filing_stop(run->filing);
        run->filing = NULL;
    }
    if (run->fatal.code) return err_set(err, run->fatal.code, "%s", run->fatal.text);
    return rc < 0 ? err_set(err, why.code, "%s", why.text) : 0;
}

bool run_check(struct sync_run *run, int rc, const struct err *err)
{
    if (rc < 0 && !run->fatal.code) {
        run->fatal = *err;
        if (!run->fatal.code) err_set(&run->fatal, (enum err_code) - rc, "the sync failed");
    }
    return rc >= 0;
}

void run_note_error(struct sync_run *run, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    utf8_finish(text);
    if (run->error_count++ >= ERRORS_KEPT) return;
    if (run->errors.len) buf_char(&run->errors, '\n');
    buf_str(&run->errors, text);
    log_warning("%s", text);
}

bool run_was_said(const struct sync_run *run, const char *what)
{
    size_t len = strlen(what);
    for (const char *p = run->told.data; p && *p; p += strcspn(p, "\n") + 1)
        if (strncmp(p, what, len) == 0 && p[len] == '\n') return true;
    return false;
}

bool run_first(struct sync_run *run, const char *what)
{
    if (run_was_said(run, what)) return false;
    buf_printf(&run->told, "%s\n", what);
    return true;
}

void run_note_warning(struct sync_run *run, const char *where, const char *warnings)
{
    bool is_told = run->error_count < ERRORS_KEPT; /* nobody would read the others */
    if (!warnings || !*warnings || !is_told || !run_first(run, warnings)) return;
    run_note_error(run, "%s: Logikal warns: %s; told once for all of this sync", where, warnings);
}

void run_note_errors(struct sync_run *run, const char *lines)
{
    for (const char *p = lines; p && *p;) {
        size_t len = strcspn(p, "\n");
        run_note_error(run, "%.*s", (int)len, p);
        p += len + (p[len] == '\n');
    }
}

void run_progress(struct sync_run *run, int64_t current, int64_t total, const char *doing)
{
    run->current = current;
    run->total = total;
    snprintf(run->doing, sizeof run->doing, "%s", doing);
    utf8_finish(run->doing);
}

void run_scope(char out[LEASE_NAME_SIZE], const char *kind, const char *name)
{
    size_t room = LEASE_NAME_SIZE - strlen(kind) - 20, len = strlen(name);
    if (len <= room)
        snprintf(out, LEASE_NAME_SIZE, "%s:%s", kind, name);
    else
        snprintf(out, LEASE_NAME_SIZE, "%s:%.*s#%016llx", kind, (int)utf8_cut(name, room), name,
                 (unsigned long long)hash_text(name));
}

int run_hold_project(struct sync_run *run, const char *guid, struct lease *lease, struct err *err)
{
    char scope[LEASE_NAME_SIZE];
    run_scope(scope, "project", guid);
    if (strcmp(scope, run->lease.name) == 0) {
        *lease = run->lease;
        return 0;
    }
    for (int i = 0; i < HELD_MAX; i++) {
        if (run->held[i]) continue;
        int rc = owner_take_lease(run->db, lease, scope, run->lease.owner, LEASE_TTL_MS, err);
        if (rc == 0) run->held[i] = lease;
        return rc;
    }
    return err_set(err, ERR_LIMIT, "too many projects at once");
}

void run_let_project(struct sync_run *run, struct lease *lease)
{
    for (int i = 0; i < HELD_MAX; i++) {
        if (run->held[i] != lease) continue;
        run->held[i] = NULL;
        lease_release(run->db, lease);
    }
}

int64_t run_duration_ms(const struct sync_run *run)
{
    return mono_ms() - run->started_ms;
}
