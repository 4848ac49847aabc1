/* Master switch, children and stores as JSON for the pages, from memory and files alone. */
#include "services/web/watch/health/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "ipc/snapshot.h"
#include "services/store/db/pool.h"
#include "services/web/watch/health/verdict.h"

cJSON *state_switch(const struct web *web)
{
    static const char *const places[] = {[SOURCE_DEFAULT] = "which is the default",
                                         [SOURCE_FILE] = "set in the configuration file",
                                         [SOURCE_ENV_FILE] = "set in the env file",
                                         [SOURCE_ENVIRONMENT] = "set in the environment",
                                         [SOURCE_OVERRIDE] = "set at run time, until the supervisor ends"};
    bool is_on = conf_bool(web->conf, SET_BACKGROUND_SYNC);
    char text[256];
    snprintf(text, sizeof text, "Scheduled sync is %s: BACKGROUND_SYNC_ENABLED=%s, %s.%s", is_on ? "on" : "off",
             is_on ? "true" : "false", places[conf_source(web->conf, SET_BACKGROUND_SYNC)],
             is_on ? "" : " Syncs that you start here still run.");
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "is_on", is_on);
    cJSON_AddStringToObject(out, "text", text);
    cJSON_AddNumberToObject(out, "tick_s", (double)conf_int(web->conf, SET_SYNC_INTERVAL));
    return out;
}

/* ---- children ---- */

static void add_time(cJSON *to, const char *key, int64_t ms)
{
    char text[CLOCK_TEXT_SIZE];
    if (ms > 0) cJSON_AddStringToObject(to, key, clock_iso_ms(ms, text));
}

static const char *tone_of(const struct snapshot_child *c)
{
    if (c->is_crash_loop) return "bad";
    if (c->is_ready || strcmp(c->state, "done") == 0) return "ok";
    if (c->is_held) return "off";
    if (strcmp(c->state, "down") == 0) return "bad";
    return "warn";
}

static const char *state_of(const struct snapshot_child *c)
{
    if (c->is_crash_loop) return "crash-loop";
    if (c->is_held) return "stopped";
    return c->is_ready && snapshot_is_stopped(c->pid) ? "frozen" : c->state;
}

static cJSON *child_json(const struct snapshot_child *c)
{
    const char *state = state_of(c);
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "name", c->name);
    cJSON_AddStringToObject(out, "role", c->role);
    cJSON_AddStringToObject(out, "state", state);
    cJSON_AddStringToObject(out, "tone", strcmp(state, "frozen") == 0 ? "warn" : tone_of(c));
    cJSON_AddStringToObject(out, "status", c->status);
    cJSON_AddStringToObject(out, "last_exit", c->last_exit);
    cJSON_AddNumberToObject(out, "pid", c->pid);
    cJSON_AddNumberToObject(out, "restarts", (double)c->restarts);
    cJSON_AddNumberToObject(out, "bytes", (double)(c->pss_bytes > 0 ? c->pss_bytes : c->rss_bytes));
    cJSON_AddNumberToObject(out, "cpu_percent", c->cpu_permille / 10.0);
    cJSON_AddBoolToObject(out, "is_held", c->is_held);
    cJSON_AddBoolToObject(out, "is_draining", c->is_draining);
    cJSON_AddBoolToObject(out, "is_web", strcmp(c->role, "web") == 0);
    add_time(out, "since", c->started_ms);
    add_time(out, "exit_at", c->last_exit_ms);
    add_time(out, "next_start", c->next_start_ms);
    return out;
}

static void add_stale(cJSON *out, bool is_stopped, const char *unwritable)
{
    char note[120] = "The supervisor has not reported for a while: it is gone, or it hangs.";
    if (is_stopped)
        snprintf(note, sizeof note, "The supervisor is stopped by a signal (SIGSTOP) and watches nothing.");
    else if (unwritable)
        snprintf(note, sizeof note, "The supervisor cannot report: the run directory is %s.", unwritable);
    cJSON_AddTrueToObject(out, "is_stale");
    cJSON_AddBoolToObject(out, "is_mute", !is_stopped && unwritable);
    cJSON_AddStringToObject(out, "note", note);
}

static void add_snapshot(cJSON *out, const struct snapshot *s, const char *run_dir)
{
    const char *unwritable = snapshot_unwritable(run_dir);
    int64_t total = s->pss_bytes > 0 ? s->pss_bytes : s->rss_bytes;
    cJSON_AddTrueToObject(out, "is_known");
    bool is_stopped = snapshot_is_stopped(s->pid);
    if (unwritable) {
        cJSON_AddStringToObject(out, "unwritable", unwritable);
        cJSON_AddStringToObject(out, "run_dir", run_dir);
    }
    if (is_stopped || snapshot_is_stale(s, wall_ms()))
        add_stale(out, is_stopped, unwritable);
    else if (*s->background_note)
        cJSON_AddStringToObject(out, "note", s->background_note);
    cJSON_AddStringToObject(out, "version", s->version);
    cJSON_AddStringToObject(out, "state", s->state);
    cJSON_AddStringToObject(out, "listening", s->listening);
    cJSON_AddNumberToObject(out, "pid", s->pid);
    cJSON_AddNumberToObject(out, "reloads", (double)s->reloads);
    cJSON_AddNumberToObject(out, "reloads_refused", (double)s->reloads_refused);
    cJSON_AddStringToObject(out, "reload_error", s->reload_error);
    cJSON_AddNumberToObject(out, "oom_kills", (double)s->oom_kills);
    cJSON_AddNumberToObject(out, "memory_limit_bytes", (double)s->memory_limit_bytes);
    cJSON_AddNumberToObject(out, "memory_used_bytes", (double)s->memory_used_bytes);
    cJSON_AddNumberToObject(out, "log_lines_dropped", (double)s->log_lines_dropped);
    add_time(out, "since", s->started_ms);
    add_time(out, "reload_at", s->reload_ms);
    cJSON *children = cJSON_AddArrayToObject(out, "children");
    for (int i = 0; i < s->count && i < SNAPSHOT_CHILDREN_MAX; i++) {
        const struct snapshot_child *c = &s->children[i];
        cJSON_AddItemToArray(children, child_json(c));
        if (!c->is_program) total += c->pss_bytes > 0 ? c->pss_bytes : c->rss_bytes;
    }
    cJSON_AddNumberToObject(out, "memory_bytes", (double)total);
}

cJSON *state_children(const struct web *web)
{
    struct err err = {0};
    struct snapshot *s = calloc(1, sizeof *s);
    cJSON *out = cJSON_CreateObject();
    const char *run_dir = conf_str(web->conf, SET_RUN_DIR);
    int rc = s ? snapshot_read(run_dir, s, &err) : -ERR_NOMEM;
    if (rc == 0)
        add_snapshot(out, s, run_dir);
    else
        cJSON_AddStringToObject(out, "note",
                                rc == -ERR_NOT_FOUND ? "This web process runs without a supervisor." : err.text);
    free(s);
    return out;
}

/* ---- stores ---- */

static cJSON *store(const char *name, const char *tone, const char *text, const char *advice)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "name", name);
    cJSON_AddStringToObject(out, "tone", tone);
    cJSON_AddStringToObject(out, "text", text);
    if (*advice) cJSON_AddStringToObject(out, "advice", advice);
    return out;
}

static void redis_text(const struct verdict *v, char *text, size_t size)
{
    const struct redis_mode *m = &v->redis_keeps.mode;
    if (m->is_configured && m->has_aof)
        snprintf(text, size, "answers in %.1f ms, version %s, append-only file (fsync %s)", v->redis_ms,
                 v->redis_version, m->fsync);
    else if (m->is_configured && m->save[0])
        snprintf(text, size, "answers in %.1f ms, version %s, snapshots (save %s)", v->redis_ms, v->redis_version,
                 m->save);
    else if (m->is_configured)
        snprintf(text, size, "answers in %.1f ms, version %s, nothing is kept over a restart", v->redis_ms,
                 v->redis_version);
    else
        snprintf(text, size, "answers in %.1f ms, version %s, %s", v->redis_ms, v->redis_version,
                 m->has_aof ? "append-only file" : "no append-only file");
}

cJSON *state_stores(const struct web *web)
{
    const struct verdict *v = web->verdict;
    char text[400];
    cJSON *out = cJSON_CreateArray();
    bool is_foreign = v->migrations.state == MIGRATIONS_FOREIGN;
    bool is_migrated = v->migrations.state != MIGRATIONS_MISSING && !is_foreign;
    const char *db_fault = verdict_db_fault(v), *redis_fault = verdict_redis_fault(v);
    if (!v->is_db_up)
        snprintf(text, sizeof text, "unreachable: %.300s", v->db_why);
    else if (*db_fault)
        snprintf(text, sizeof text, "%.350s", db_fault);
    else if (is_foreign)
        snprintf(text, sizeof text, "%.390s", v->migrations.foreign);
    else if (!is_migrated)
        snprintf(text, sizeof text, "%d migrations are missing", v->migrations.missing);
    else
        snprintf(text, sizeof text, "answers in %.1f ms", v->db_ms);
    cJSON_AddItemToArray(out, store("PostgreSQL", v->is_db_up && is_migrated && !*db_fault ? "ok" : "bad", text,
                                    !v->is_db_up   ? "Check DATABASE_URL and that the server runs."
                                    : is_foreign   ? ""
                                    : !is_migrated ? "Run `logikald migrate`."
                                                   : ""));
    if (!v->is_redis_used)
        snprintf(text, sizeof text, "not configured: syncs run in children of the web process");
    else if (*redis_fault)
        snprintf(text, sizeof text, "%.390s", redis_fault);
    else if (v->is_redis_up)
        redis_text(v, text, sizeof text);
    else
        snprintf(text, sizeof text, "unreachable");
    cJSON_AddItemToArray(out, store("Redis",
                                    !v->is_redis_used                 ? "off"
                                    : v->is_redis_up && !*redis_fault ? "ok"
                                                                      : "bad",
                                    text,
                                    v->is_redis_used && !v->is_redis_up && !*redis_fault
                                        ? "Check REDIS_URL and that the server runs; nothing has to be restarted."
                                        : ""));
    char url[1200]; /* somebody may have put a password into it */
    bool is_set = conf_is_set(web->conf, SET_LOGIKAL_URL);
    cJSON_AddItemToArray(
        out, store("Logikal", is_set ? "off" : "warn",
                   is_set ? conf_shown(web->conf, SET_LOGIKAL_URL, url, sizeof url) : "not configured",
                   is_set ? "" : "Set LOGIKAL_API_BASE_URL, LOGIKAL_AUTH_USERNAME and LOGIKAL_AUTH_PASSWORD."));
    return out;
}
