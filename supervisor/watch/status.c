/* What is known about the supervisor and its children, gathered for people and programs: the snapshot file, the answer
 * to `ctl status`, the dump on USR2. See status.h. */
#include "supervisor/watch/status.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/version.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/events.h"
#include "supervisor/child/upgrade.h"
#include "supervisor/system/run_dir.h"

#define WRITE_AFTER_MS 100

struct status {
    struct event *soon, *tick;
    bool is_due, is_failing;
    struct snapshot snapshot; /* one buffer for all uses */
};

static void gather(struct supervisor *s, struct snapshot *out);

static void write_file(struct supervisor *s)
{
    struct err err = {0};
    struct status *status = s->status;
    status->is_due = false;
    gather(s, &status->snapshot);
    bool is_written = snapshot_write(s->run_dir, &status->snapshot, &err) == 0;
    if (!is_written && !status->is_failing) log_warning("%s; it is tried again, and told when it works", err.text);
    if (is_written && status->is_failing) log_info("the status is written again");
    status->is_failing = !is_written;
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    write_file(arg);
}

int status_open(struct supervisor *s, struct err *err)
{
    struct timeval every = {.tv_sec = SNAPSHOT_INTERVAL_MS / 1000, .tv_usec = SNAPSHOT_INTERVAL_MS % 1000 * 1000};
    struct status *status = calloc(1, sizeof *status);
    if (!status) return err_set(err, ERR_NOMEM, "no memory for the status");
    s->status = status;
    status->soon = event_new(s->base, -1, 0, on_write, s);
    status->tick = event_new(s->base, -1, EV_PERSIST, on_write, s);
    if (!status->soon || !status->tick || event_add(status->tick, &every) != 0)
        return err_set(err, ERR_NOMEM, "no memory for the status");
    status_changed(s);
    return 0;
}

void status_close(struct supervisor *s)
{
    char path[PATH_MAX];
    if (!s->status) return;
    unlink(run_dir_file(s->run_dir, SNAPSHOT_FILE, path));
    if (s->status->soon) event_free(s->status->soon);
    if (s->status->tick) event_free(s->status->tick);
    free(s->status);
    s->status = NULL;
}

void status_changed(struct supervisor *s)
{
    struct timeval soon = {.tv_usec = WRITE_AFTER_MS * 1000};
    if (!s->status || s->status->is_due) return;
    s->status->is_due = true;
    event_add(s->status->soon, &soon);
}

/* "waits for db (down, held)". */
static void waits_for(const struct child *c, char *out, size_t size)
{
    const struct child *d;
    size_t n = 0;
    CHILDREN_FOREACH(d, c->sup) {
        if (d == c || d->is_leaving || d->is_successor || !spec_depends_on(&c->spec, &d->spec)) continue;
        if (child_is_served_by(c, d) || n >= size) continue;
        n += (size_t)snprintf(out + n, size - n, "%s%s (%s%s)", n ? ", " : "waits for ", d->spec.name,
                              child_state_name(d->machine.state), d->is_held ? ", held: `ctl start` it" : "");
    }
}

static void gather_child(const struct child *c, struct snapshot_child *out, int64_t now_ms, int64_t now_wall_ms)
{
    const struct child_machine *m = &c->machine;
    *out = (struct snapshot_child){
        .pid = (int)c->pid,
        .started_ms = c->pid ? c->started_wall_ms : 0,
        .uptime_s = c->pid ? (now_ms - c->started_ms) / 1000 : 0,
        .restarts = m->starts > 0 ? m->starts - 1 : 0,
        .rss_bytes = c->usage.rss_bytes,
        .pss_bytes = c->usage.pss_bytes,
        .cpu_ms = c->usage.cpu_ms,
        .cpu_permille = c->cpu_permille,
        .last_exit_ms = c->exited_wall_ms,
        .watchdog_age_ms = m->state == CHILD_READY && c->spec.watchdog_ms ? now_ms - c->pinged_ms : -1,
        .is_program = c->spec.users == 0,
        .is_ready = m->state == CHILD_READY,
        .is_essential = c->spec.is_essential,
        .is_held = c->is_held,
        .is_draining = c->is_leaving,
        .is_crash_loop = m->is_crash_loop,
        .is_old_program = upgrade_is_due(c),
    };
    snprintf(out->name, sizeof out->name, "%s", c->spec.name);
    snprintf(out->role, sizeof out->role, "%s", c->spec.role);
    snprintf(out->state, sizeof out->state, "%s", child_state_name(m->state));
    snprintf(out->status, sizeof out->status, "%s", c->status);
    if (m->state == CHILD_WAITING) waits_for(c, out->status, sizeof out->status);
    snprintf(out->last_exit, sizeof out->last_exit, "%s", c->reasons[0]);
    if ((m->state == CHILD_BACKOFF || m->state == CHILD_CRASH_LOOP) && m->deadline_ms)
        out->next_start_ms = now_wall_ms + m->deadline_ms - now_ms;
}

static void gather(struct supervisor *s, struct snapshot *out)
{
    const struct child *c;
    int64_t now_ms = mono_ms();
    memset(out, 0, offsetof(struct snapshot, children)); /* room that no child needs stays untouched */
    out->written_ms = wall_ms();
    out->started_ms = s->started_ms;
    out->pid = (int)getpid();
    out->background_sync = s->plan.is_gate_on;
    out->memory_limit_bytes = s->memory.limit_bytes;
    out->memory_used_bytes = s->memory.used_bytes;
    out->oom_kills = s->memory.oom_kills;
    out->memory_pressure_permille = s->memory.pressure_permille;
    out->memory_limit_hits = s->memory.limit_hits + s->memory.high_hits;
    out->rss_bytes = s->usage.rss_bytes;
    out->pss_bytes = s->usage.pss_bytes;
    out->events_dropped = events_dropped(s);
    out->orphans_reaped = s->orphans_reaped;
    out->reloads = s->reloads;
    out->reloads_refused = s->reloads_refused;
    out->reload_ms = s->reloaded_ms;
    snprintf(out->reload_error, sizeof out->reload_error, "%s", s->reload_error);
    out->log_lines_dropped = log_sink_dropped(s->sink);
    snprintf(out->version, sizeof out->version, "%s", version_text);
    snprintf(out->supervisor_id, sizeof out->supervisor_id, "%s", s->id);
    snprintf(out->state, sizeof out->state, "%s", s->is_stopping ? "stopping" : "running");
    snprintf(out->background_note, sizeof out->background_note, "%s", s->plan.is_gate_on ? s->plan.note : "");
    snprintf(out->listening, sizeof out->listening, "%s", s->listening);
    CHILDREN_FOREACH(c, s)
        if (out->count < SNAPSHOT_CHILDREN_MAX) gather_child(c, &out->children[out->count++], now_ms, out->written_ms);
}

cJSON *status_json(struct supervisor *s)
{
    gather(s, &s->status->snapshot);
    cJSON *json = snapshot_to_json(&s->status->snapshot);
    cJSON *overrides = json ? cJSON_AddObjectToObject(json, "overrides") : NULL;
    for (int i = 0; overrides && i < SET_COUNT; i++) {
        char shown[256];
        enum setting_id id = (enum setting_id)i;
        if (conf_source(s->conf, id) == SOURCE_OVERRIDE)
            cJSON_AddStringToObject(overrides, settings[i].key, conf_shown(s->conf, id, shown, sizeof shown));
    }
    return json;
}

void status_log(struct supervisor *s)
{
    struct snapshot *snap = &s->status->snapshot;
    gather(s, snap);
    log_info("status: logikald %s, pid %d, %s, up %" PRId64 " s, background sync %s, listening on %s, %" PRId64
             " orphans reaped, %" PRId64 " log lines dropped",
             snap->version, snap->pid, snap->state, (snap->written_ms - snap->started_ms) / 1000,
             snap->background_sync ? "on" : "off", snap->listening[0] ? snap->listening : "nothing",
             snap->orphans_reaped, snap->log_lines_dropped);
    for (int i = 0; i < snap->count; i++) {
        const struct snapshot_child *c = &snap->children[i];
        log_info("status: %s %s%s, pid %d, up %" PRId64 " s, %" PRId64 " restarts, last exit: %s", c->name, c->state,
                 c->is_draining ? " (draining)" : "", c->pid, c->uptime_s, c->restarts,
                 c->last_exit[0] ? c->last_exit : "never");
    }
}
