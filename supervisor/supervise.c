/* The supervisor's life: set up, run the loop, tear down. See supervisor.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/exit.h"
#include "conf/log.h"
#include "conf/version.h"
#include "ipc/notify.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/events.h"
#include "supervisor/child/guardian.h"
#include "supervisor/child/hooks.h"
#include "supervisor/child/pulse.h"
#include "supervisor/child/reap.h"
#include "supervisor/child/recorder.h"
#include "supervisor/child/upgrade.h"
#include "supervisor/control/control.h"
#include "supervisor/control/keeper.h"
#include "supervisor/control/reexec.h"
#include "supervisor/control/reload.h"
#include "supervisor/control/signals.h"
#include "supervisor/plan/freeze.h"
#include "supervisor/supervisor.h"
#include "supervisor/system/listener.h"
#include "supervisor/system/run_dir.h"
#include "supervisor/system/self.h"
#include "supervisor/watch/status.h"
#include "supervisor/watch/watch.h"

#define ESCAPED_GRACE_MS 500
#define FLUSH_MS         1000

static struct log_sink *log_target;

static void log_to_sink(const char *line, unsigned len)
{
    log_sink_line(log_target, line, len);
}

static void on_settle(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    children_settle(arg);
}

/* One request often arrives twice: to the process and to its group, by a terminal, make or timeout. */
#define SAME_REQUEST_MS 500

void supervisor_stop(struct supervisor *s, int exit_status, const char *why)
{
    struct child *c;
    if (!s->is_stopping) {
        log_info("stopping (%s)", why);
        notify_stopping();
        events_emit(s, "stop", NULL, 0, "stopping (%s)", why);
        s->is_stopping = true;
        s->stopping_since_ms = mono_ms();
        s->exit_status = exit_status;
        CHILDREN_FOREACH(c, s) c->is_outdated = false;
    } else if (!s->is_hurried && mono_ms() - s->stopping_since_ms >= SAME_REQUEST_MS) {
        log_warning("stopping at once (%s again): what still runs is killed", why);
        s->is_hurried = true;
        CHILDREN_FOREACH(c, s) {
            child_event(c, EVENT_STOP);
            child_event(c, EVENT_HURRY);
        }
    }
    children_settle_soon(s);
}

/* A small set of epoll events, no thread support: the loop is one thread's. */
static int make_loop(struct supervisor *s, struct err *err)
{
    struct event_config *config = event_config_new();
    if (config) event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    s->base = config ? event_base_new_with_config(config) : NULL;
    if (config) event_config_free(config);
    s->settle_soon = s->base ? event_new(s->base, -1, 0, on_settle, s) : NULL;
    s->sink = s->base ? log_sink_new(s->base) : NULL;
    if (!s->settle_soon || !s->sink) return err_set(err, ERR_NOMEM, "no memory for the event loop");
    log_target = s->sink;
    log_set_sink(log_to_sink);
    int rc = log_sink_configure(s->sink, s->conf, err);
    if (rc == 0 || !s->is_resumed) return rc;
    /* After an exec nothing that fails may end the children: it goes on in the file that was open, or without one. */
    bool is_kept = s->log_fd >= 0 && log_sink_adopt(s->sink, s->log_fd, s->conf, NULL) == 0;
    log_error("%s: the log goes on %s", err->text, is_kept ? "in the file that was open" : "on standard output");
    if (is_kept) s->log_fd = -1;
    return 0;
}

/* What must be ours before anything is started. */
static int take_place(struct supervisor *s, struct err *err)
{
    if (!s->run_dir[0]) snprintf(s->run_dir, sizeof s->run_dir, "%s", conf_str(s->conf, SET_RUN_DIR));
    if (s->dir_fd < 0) s->dir_fd = run_dir_hold(s->run_dir, err);
    if (s->dir_fd >= 0 && s->lock_fd < 0) s->lock_fd = run_dir_lock(s->run_dir, err);
    if (s->dir_fd < 0 || s->lock_fd < 0) return err_result(err);
    int rc = freeze_accept(s, s->conf, err);
    if (rc != 0 && s->is_resumed) { /* a full disk, or the directory has gone: the keeper tries again */
        log_error("%s", err->text);
        rc = 0;
    }
    if (rc != 0) return rc;
    /* Orphans of our children come to us, also when we are not PID 1. */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return err_errno(err, "becoming the reaper of orphans");
    return 0;
}

static bool plan_has_roles(const struct plan *plan)
{
    for (int i = 0; i < plan->count; i++)
        if (!plan->specs[i].program) return true;
    return false;
}

static bool plan_listens(const struct plan *plan)
{
    for (int i = 0; i < plan->count; i++)
        if (plan->specs[i].has_listener) return true;
    return false;
}

static int set_up(struct supervisor *s, struct err *err)
{
    int rc = make_loop(s, err);
    if (rc == 0) rc = take_place(s, err);
    if (rc == 0) rc = recorder_open(s, err);
    if (rc == 0 && !s->is_resumed) rc = guardian_start(s, err);
    if (rc == 0 && !s->is_resumed) rc = plan_check_only(s->only, s->conf, err);
    if (rc == 0) rc = plan_from_conf(&s->plan, s->conf, s->only, err);
    if (rc == 0 && self_directory_file("logikald-roles", s->roles_path, err) != 0 && plan_has_roles(&s->plan)) {
        if (!s->is_resumed) rc = err_result(err);
        if (s->is_resumed) log_error("%s", err->text); /* those that run go on */
    }
    if (rc == 0) rc = reload_check(&s->plan, s->conf, err);
    if (rc == 0) rc = signals_open(s, err);
    if (rc != 0) return rc;
    if (plan_listens(&s->plan)) {
        if (s->listen_fd < 0) s->listen_fd = listener_open(s->conf, err);
        if (s->listen_fd < 0) return err_result(err);
        listener_words(s->listen_fd, s->listening, sizeof s->listening);
        log_info("listening on %s", s->listening);
    }
    rc = control_serve(s, err);
    if (rc == 0) rc = events_command_open(s, err);
    if (rc == 0) rc = watch_open(s, err);
    if (rc == 0) rc = pulse_open(s, err);
    if (rc == 0) rc = keeper_open(s, err);
    return rc == 0 ? status_open(s, err) : rc;
}

static void tear_down(struct supervisor *s)
{
    struct child *c, *next;
    s->is_torn_down = true;
    reexec_abandon(s);
    keeper_close(s);
    events_command_close(s);
    recorder_close(s);
    guardian_dismiss(s);
    if (s->base && s->lock_fd >= 0) reap_all(s, ESCAPED_GRACE_MS);
    if (s->guardian_fd >= 0) close(s->guardian_fd);
    for (c = TAILQ_FIRST(&s->children); c; c = next) {
        next = TAILQ_NEXT(c, link);
        child_free(c);
    }
    control_stop(s);
    status_close(s);
    watch_close(s);
    pulse_close(s);
    signals_close(s);
    if (s->listen_fd >= 0) close(s->listen_fd);
    if (s->lock_fd >= 0) {
        if (run_dir_is_same(s->dir_fd, s->run_dir)) freeze_remove(s);
        close(s->lock_fd);
    }
    if (s->dir_fd >= 0) close(s->dir_fd);
    if (s->sink) log_sink_flush(s->sink, FLUSH_MS);
    log_set_sink(NULL);
    log_sink_free(s->sink);
    if (s->settle_soon) event_free(s->settle_soon);
    if (s->base) event_base_free(s->base);
    conf_free(s->conf);
    free(s->overrides);
}

static int exit_status_of(const struct err *err)
{
    switch (err->code) {
    case ERR_CONFIG:
    case ERR_LIMIT: return EXIT_CONFIG;
    case ERR_NOMEM: return EXIT_INTERNAL;
    default: return EXIT_UNAVAILABLE;
    }
}

static const struct child_hooks hooks = {
    .place_needed = keeper_look,
    .line = control_line,
    .changed = status_changed,
    .settled = watch_essential,
    .oom_happened = watch_oom_happened,
};

static void init(struct supervisor *s, struct conf *conf, const struct conf_paths *paths, char **argv)
{
    s->conf = conf;
    s->source = *paths;
    if (paths->file) snprintf(s->source_file, sizeof s->source_file, "%s", paths->file);
    if (paths->env_file) snprintf(s->source_env_file, sizeof s->source_env_file, "%s", paths->env_file);
    snprintf(s->only, sizeof s->only, "%s", getenv("LOGIKALD_ROLES") ? getenv("LOGIKALD_ROLES") : "");
    s->argv = argv;
    s->hooks = &hooks;
    s->lock_fd = s->dir_fd = s->listen_fd = s->control_fd = s->signal_fd = s->guardian_fd = s->log_fd = -1;
    s->started_ms = wall_ms();
    if (guardian_prepared_id())
        snprintf(s->id, sizeof s->id, "%s", guardian_prepared_id());
    else
        random_uuid4(s->id);
    TAILQ_INIT(&s->children);
    LIST_INIT(&s->watched);
}

/* Takes over from the program before the exec. */
static int take_over(struct supervisor *s, const cJSON *state, struct err *err)
{
    struct buf overrides = {0};
    int rc = reexec_adopt_children(s, state, err);
    if (rc != 0) return rc;
    conf_write_overrides(s->conf, ~0u, &overrides);
    s->overrides = buf_steal(&overrides);
    if (s->log_fd >= 0) close(s->log_fd);
    s->log_fd = -1;
    reexec_done();
    upgrade_begin(s);
    return 0;
}

static void run(struct supervisor *s)
{
    char what[256];
    snprintf(what, sizeof what, "logikald %s%s%s supervises %d children%s", version_text,
             s->version_before[0] ? ", executed anew in the place of "
             : s->is_resumed      ? ", executed anew,"
                                  : "",
             s->version_before, s->plan.count, getpid() == 1 ? " as PID 1" : "");
    log_info("logikald %s supervises %d children%s%s", version_text, s->plan.count, getpid() == 1 ? " as PID 1" : "",
             s->is_resumed ? ", having been executed anew" : "");
    log_info("configuration: %s%s%s, and the environment", s->source.file ? s->source.file : "no file",
             s->source.env_file ? ", " : "", s->source.env_file ? s->source.env_file : "");
    recorder_note(s, s->is_resumed ? "exec" : "start", NULL, (int)getpid(), what, NULL);
    if (s->plan.note[0]) log_info("%s", s->plan.note);
    if (!s->is_resumed) conf_tell_notes(s->conf);
    children_follow_plan(s);
    s->must_trim = true;
    event_base_dispatch(s->base);
    log_info("stopped, exit status %d", s->exit_status);
    recorder_say(s, "end", NULL, (int)getpid(), "stopped, exit status %d", s->exit_status);
}

int supervise(struct conf *conf, const struct conf_paths *paths, char **argv, cJSON *state)
{
    static struct supervisor supervisor;
    struct supervisor *s = &supervisor;
    struct err err = {0};
    init(s, conf, paths, argv);
    s->is_resumed = state != NULL;
    int rc = state ? reexec_adopt_self(s, state, &err) : 0;
    if (rc == 0) rc = set_up(s, &err);
    if (rc == 0 && state) rc = take_over(s, state, &err);
    cJSON_Delete(state);
    if (rc == 0) {
        run(s);
    } else {
        if (s->is_resumed) reexec_back(argv, s->sink, err.text);
        log_critical("%s", err.text);
        recorder_say(s, "end", NULL, (int)getpid(), "could not start: %s", err.text);
        s->exit_status = exit_status_of(&err);
    }
    tear_down(s);
    return s->exit_status;
}
