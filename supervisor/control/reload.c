/* Takes a new configuration: everything that can be refused is tried before anything changes, and then each child gets
 * the least that brings it to the new plan.
 *
 * Which settings differ is known by value, not by text, and the table of settings says for each who uses it and how it
 * takes effect. So a child that uses none of them is left alone; one that uses only such as are read anew gets a HUP
 * (when it is ready to take one: while it starts, that is owed); any other is marked outdated, and children.c replaces
 * it, a successor first where the plan lets two stand side by side. Killing all and starting over would be shorter, and
 * would refuse connections and interrupt tasks for a log level. */
#include "supervisor/control/reload.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/log.h"
#include "conf/text/utf8.h"
#include "ipc/notify.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/events.h"
#include "supervisor/child/probe.h"
#include "supervisor/plan/freeze.h"
#include "supervisor/system/listener.h"
#include "supervisor/system/memory_file.h"
#include "supervisor/watch/status.h"

static int check_probes(const struct plan *plan, struct err *err)
{
    for (int i = 0; i < plan->count; i++) {
        const struct program *p = plan->specs[i].program;
        struct probe_target target;
        int rc = p ? probe_target_parse(p->ready, p->ready_target, &target, err) : 0;
        if (p && rc == 0) probe_target_free(&target);
        if (p && rc == 0) rc = probe_target_parse(p->live, p->live_target, &target, err);
        if (p && rc == 0) probe_target_free(&target);
        if (rc != 0) {
            err_prefix(err, "program \"%s\" (line %d)", p->name, p->line);
            return rc;
        }
    }
    return 0;
}

static bool has_role(const struct plan *plan, const char *role)
{
    for (int i = 0; i < plan->count; i++)
        if (strcmp(plan->specs[i].role, role) == 0) return true;
    return false;
}

int reload_check(const struct plan *plan, const struct conf *conf, struct err *err)
{
    int rc = check_probes(plan, err);
    return rc == 0 && has_role(plan, "web") ? conf_check_web(conf, err) : rc;
}

/* Loads the sources as they are now, with the runtime settings. */
static struct conf *load(struct supervisor *s, struct err *err)
{
    char path[MEMORY_FILE_PATH];
    struct conf_paths paths = s->source;
    const char *overrides = s->overrides ? s->overrides : "";
    int fd = memory_file(overrides, strlen(overrides), path, err);
    if (fd < 0) return NULL;
    paths.overrides = path;
    struct conf *conf = conf_load(&paths, err);
    close(fd);
    return conf;
}

static bool has_other_address(const struct conf *a, const struct conf *b)
{
    return strcmp(conf_str(a, SET_HTTP_HOST), conf_str(b, SET_HTTP_HOST)) != 0 ||
           conf_int(a, SET_HTTP_PORT) != conf_int(b, SET_HTTP_PORT);
}

/* Loads and checks a configuration and the plan that follows from it, up to where nothing can fail any more: *conf is
 * the caller's. */
static int prepare(struct supervisor *s, struct conf **conf, struct plan *plan, struct err *err)
{
    struct conf *fresh = load(s, err);
    if (!fresh) return -ERR_CONFIG;
    int rc = plan_from_conf(plan, fresh, s->only, err);
    if (rc == 0) rc = reload_check(plan, fresh, err);
    if (rc == 0) rc = log_sink_check(s->sink, fresh, err);
    if (rc == 0 && has_role(plan, "web") && has_other_address(s->conf, fresh) &&
        !listener_check(fresh, s->listen_fd, err))
        rc = err_result(err);
    if (rc == 0) rc = freeze_accept(s, fresh, err);
    if (rc != 0) {
        conf_free(fresh);
        return rc;
    }
    *conf = fresh;
    return 0;
}

/* What each child that stays has to do: nothing, re-read, or be replaced. */
static void mark_changes(struct supervisor *s, const struct plan *after, const enum setting_id *changed, int count)
{
    struct child *c;
    CHILDREN_FOREACH(c, s) {
        const struct child_spec *spec = c->is_leaving ? NULL : plan_find(after, c->spec.name);
        if (!spec) continue;
        switch (spec_compare(&c->spec, spec, changed, count)) {
        case SPEC_SAME: break;
        case SPEC_SIGNAL:
            log_info("%s applies the new settings in place", c->spec.name);
            if (c->machine.state == CHILD_READY)
                child_signal(c, SIGHUP);
            else if (c->machine.state == CHILD_STARTING)
                c->owes_hup = true; /* it may not listen to signals yet */
            break;
        case SPEC_REPLACE: c->is_outdated = true; break;
        }
    }
}

/* For the record: each setting as it was and is, secrets masked. */
static void list_changes(struct buf *out, const struct conf *before, const struct conf *after,
                         const enum setting_id *changed, int count)
{
    for (int i = 0; i < count; i++) {
        char was[256], is[256];
        buf_printf(out, "%s: \"%s\" > \"%s\"\n", settings[changed[i]].key,
                   conf_shown(before, changed[i], was, sizeof was), conf_shown(after, changed[i], is, sizeof is));
    }
}

static void tell_fixed(const struct conf *conf, const enum setting_id *changed, int count)
{
    for (int i = 0; i < count; i++) {
        const struct setting *row = &settings[changed[i]];
        char shown[256];
        log_info("setting %s is now \"%s\"%s", row->key, conf_shown(conf, changed[i], shown, sizeof shown),
                 row->reload == SETTING_RESTART ? ", from the next start of the supervisor on" : "");
    }
}

static int reload(struct supervisor *s, struct err *err)
{
    struct plan *plan = &s->next_plan;
    struct conf *conf = NULL;
    enum setting_id changed[SET_COUNT];
    int rc = prepare(s, &conf, plan, err);
    s->reloaded_ms = wall_ms();
    snprintf(s->reload_error, sizeof s->reload_error, "%s", rc != 0 ? err->text : "");
    utf8_repair(s->reload_error, strlen(s->reload_error)); /* it quotes what stands in the file */
    status_changed(s);
    if (rc != 0) {
        s->reloads_refused++;
        log_error("reload refused, nothing changes: %s", err->text);
        events_emit(s, "reload-refused", NULL, 0, "%s", err->text);
        return rc;
    }
    s->reloads++;
    conf_tell_notes(conf);
    struct err only_err = {0}; /* a program that was taken out of the file may still be named there */
    if (plan_check_only(s->only, conf, &only_err) != 0) log_warning("%s", only_err.text);
    int count = conf_diff(s->conf, conf, changed);
    struct err sink_err = {0};
    if (log_sink_configure(s->sink, conf, &sink_err) != 0) log_error("%s", sink_err.text);
    conf_apply_log(conf);
    tell_fixed(conf, changed, count);
    if (plan->is_gate_on != s->plan.is_gate_on)
        events_emit(s, "gate", NULL, 0, "background_sync %s", plan->is_gate_on ? "on" : "off");
    if (plan->is_gate_on != s->plan.is_gate_on || strcmp(plan->note, s->plan.note) != 0)
        log_info("%s", plan->note[0] ? plan->note : "Background sync is enabled, starting worker and beat");
    mark_changes(s, plan, changed, count);
    struct conf *before = s->conf;
    s->conf = conf;
    plan_copy(&s->plan, plan);
    s->must_trim = true;
    children_follow_plan(s);
    struct buf what = {0};
    list_changes(&what, before, conf, changed, count);
    conf_free(before);
    events_emit_reload(s, count, what.data);
    buf_free(&what);
    log_info("configuration reloaded: %d settings changed", count);
    return 0;
}

/* An outer supervisor (systemd's Type=notify-reload) waits for the end of it; what came of it is in the status. */
int supervisor_reload(struct supervisor *s, struct err *err)
{
    if (!s->is_announced) return reload(s, err);
    notify_reloading(mono_us());
    int rc = reload(s, err);
    notify_ready(rc == 0 ? "reloaded" : "reload refused, nothing was changed");
    s->told_up = -1; /* the children's state is told anew */
    return rc;
}
