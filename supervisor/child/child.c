/* A child's events: feeds its state machine, carries out what that decides, and tells what happened. See child.h. */
#include "supervisor/child/child.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "supervisor/child/children.h"
#include "supervisor/child/events.h"
#include "supervisor/child/guardian.h"
#include "supervisor/child/hooks.h"
#include "supervisor/child/kin.h"
#include "supervisor/child/probe.h"
#include "supervisor/child/pulse.h"
#include "supervisor/child/recorder.h"
#include "supervisor/child/strays.h"
#include "supervisor/plan/exit_words.h"

#define SHOWN_LINES    5
#define LINGER_LOOK_MS 100 /* who has another parent than us ends without our hearing of it */

static void on_deadline(evutil_socket_t fd, short what, void *arg);
static void on_silence(evutil_socket_t fd, short what, void *arg);

struct child *child_new(struct supervisor *s, const struct child_spec *spec)
{
    struct child *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->sup = s;
    child_take_spec(c, spec);
    c->missing_ms = mono_ms();
    c->exec_fd = c->notify_fd = c->out.fd = c->err.fd = -1;
    child_machine_init(&c->machine);
    c->deadline = event_new(s->base, -1, 0, on_deadline, c);
    c->silence = event_new(s->base, -1, 0, on_silence, c);
    TAILQ_INSERT_TAIL(&s->children, c, link);
    if (c->deadline && c->silence) return c;
    child_free(c);
    return NULL;
}

void child_free(struct child *c)
{
    assert(c->pid == 0);
    TAILQ_REMOVE(&c->sup->children, c, link);
    probe_free(c->probe);
    child_io_close(c);
    if (c->deadline) event_free(c->deadline);
    if (c->silence) event_free(c->silence);
    line_ring_free(&c->lines);
    free(c);
}

void child_take_spec(struct child *c, const struct child_spec *spec)
{
    c->spec = *spec;
    if (c->pid && c->is_outdated) return;
    c->running_stop_signal = spec->stop_signal;
    c->running_stop_timeout_ms = spec->policy.stop_timeout_ms;
}

static void forget_group(struct child *c)
{
    guardian_tell(c->sup, c->group, false);
    c->group = 0;
}

static void remember_reason(struct child *c, const char *reason)
{
    memmove(c->reasons[1], c->reasons[0], sizeof c->reasons - sizeof c->reasons[0]);
    snprintf(c->reasons[0], sizeof c->reasons[0], "%.*s", (int)sizeof c->reasons[0] - 1, reason);
    c->exited_wall_ms = wall_ms();
}

/* The last lines in one: "a | b | c". */
static void lines_in_one(const struct child *c, char *out, size_t size)
{
    size_t len;
    const char *text = line_ring_last(&c->lines, SHOWN_LINES, &len);
    size_t n = 0;
    for (size_t i = 0; i < len && n + 4 < size; i++) {
        if (text[i] != '\n')
            out[n++] = text[i];
        else if (i + 1 < len)
            n += (size_t)snprintf(out + n, size - n, " | ");
    }
    out[n] = 0;
}

static void tell_failure(const struct child *c, unsigned actions)
{
    const struct child_machine *m = &c->machine;
    char next[96] = "it is not restarted";
    if (m->state == CHILD_WAITING) snprintf(next, sizeof next, "restarting now");
    if (m->state == CHILD_BACKOFF || m->state == CHILD_CRASH_LOOP)
        snprintf(next, sizeof next, "next try in %" PRId64 " ms", m->deadline_ms - mono_ms());
    log_warning("%s failed: %s; %s", c->spec.name, c->reasons[0], next);
    events_emit_exit(c, "%s; %s", c->reasons[0], next);
    if (!(actions & ACTION_LOOPING)) return;
    events_emit(c->sup, "crash-loop", c->spec.name, (int)c->previous_pid, "%s", c->reasons[0]);
    char lines[1024];
    lines_in_one(c, lines, sizeof lines);
    log_error("%s is in a crash loop: %d failures within %" PRId64
              " s; exits, the latest first: %s; %s; %s; its last lines: %s",
              c->spec.name, c->spec.policy.loop_count, c->spec.policy.loop_window_ms / 1000, c->reasons[0],
              c->reasons[1][0] ? c->reasons[1] : "-", c->reasons[2][0] ? c->reasons[2] : "-",
              lines[0] ? lines : "none");
}

static void tell_change(const struct child *c, enum child_state before, enum child_event event)
{
    const struct child_machine *m = &c->machine;
    log_debug("%s: %s -> %s (%s)", c->spec.name, child_state_name(before), child_state_name(m->state),
              child_event_name(event));
    if (m->state == CHILD_READY) {
        log_info("%s[%d] ready after %" PRId64 " ms", c->spec.name, (int)c->pid, mono_ms() - c->started_ms);
        recorder_say(c->sup, "ready", c->spec.name, (int)c->pid, "ready after %" PRId64 " ms",
                     mono_ms() - c->started_ms);
    }
    if (m->state == CHILD_DONE && m->is_success) log_info("%s is done", c->spec.name);
    if (m->state == CHILD_DUMPING)
        log_error("%s[%d] is hung: no ping for %" PRId64 " ms; it is asked for a backtrace and then killed",
                  c->spec.name, (int)c->pid, mono_ms() - c->pinged_ms);
    if (m->state == CHILD_DUMPING || (m->state == CHILD_STOPPING && m->why == WHY_SICK))
        events_emit(c->sup, "hung", c->spec.name, (int)c->pid, "%s",
                    m->why == WHY_SICK ? "does not answer its liveness probe" : "does not ping");
    if (m->state == CHILD_STOPPING && m->why == WHY_NOT_READY)
        log_error("%s[%d] is not ready after %" PRId64 " ms; it is stopped", c->spec.name, (int)c->pid,
                  mono_ms() - c->started_ms);
    if (m->state == CHILD_KILLING && before == CHILD_STOPPING)
        log_warning("%s[%d] did not stop in %" PRId64 " ms: its process group is killed", c->spec.name, (int)c->pid,
                    mono_ms() - m->asked_ms);
}

static void arm_deadline(struct child *c)
{
    if (c->machine.deadline_ms == 0) {
        event_del(c->deadline);
        return;
    }
    int64_t left = c->machine.deadline_ms - mono_ms();
    if (left < 0) left = 0;
    if (c->machine.state == CHILD_LINGERING && left > LINGER_LOOK_MS) left = LINGER_LOOK_MS;
    struct timeval tv = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
    event_add(c->deadline, &tv);
}

/* What belongs to a state is there only as long as it. */
static void entered(struct child *c, enum child_state before, enum child_event event)
{
    enum child_state state = c->machine.state;
    probe_free(c->probe);
    c->probe = state == CHILD_READY ? probe_start_liveness(c) : NULL;
    if (state == CHILD_READY) {
        c->pinged_ms = mono_ms();
        child_watch_silence(c);
        if (c->owes_hup) child_signal(c, SIGHUP);
        c->owes_hup = false;
    } else {
        event_del(c->silence);
    }
    if (!child_state_has_process(state) && state != CHILD_LINGERING) child_io_close(c);
    tell_change(c, before, event);
}

static void start(struct child *c)
{
    struct err err = {0};
    if (child_start(c, &err) != 0) {
        remember_reason(c, err.text);
        child_event(c, EVENT_SPAWN_FAILED);
    }
}

int64_t child_steady_ms(const struct child *c)
{
    int64_t timeout = conf_int(c->sup->conf, SET_ESSENTIAL_TIMEOUT) * 1000, stable = c->spec.policy.stable_ms;
    return timeout > 0 && timeout < stable ? timeout : stable;
}

bool child_is_steady(const struct child *c)
{
    const struct child_machine *m = &c->machine;
    return m->state == CHILD_READY && m->ready_ms && mono_ms() - m->ready_ms >= child_steady_ms(c);
}

/* The clock of watch_essential: a child that was up for good is missing from now on, one that was not, still is. */
static void missing(struct child *c, enum child_event event, bool was_steady)
{
    if (event == EVENT_START || event == EVENT_RESTART || was_steady) c->missing_ms = mono_ms();
}

/* Kills what is left of it; says whom, the first time, when it was given time to end by itself. */
static void kill_all(struct child *c)
{
    struct kin kin;
    char words[256];
    kin_find(c, &kin);
    if (c->group) kill(-c->group, SIGKILL);
    kin_signal(&kin, SIGKILL);
    if (c->machine.state == CHILD_LINGERING && c->machine.kills == 1 && kin.count > 0)
        log_warning("%s has ended, and %d of its processes have not: %s; they are killed", c->spec.name, kin.count,
                    kin_words(&kin, words, sizeof words));
}

/* What the kernel does not let go, although it was killed, is not waited for. */
static void abandon(struct child *c)
{
    struct kin kin;
    char words[256];
    kin_find(c, &kin);
    log_error("%s: killed %d times and still there: %s; it is left to the system", c->spec.name, CHILD_KILL_ROUNDS,
              kin.count ? kin_words(&kin, words, sizeof words) : "a process that cannot be seen");
    if (c->pid) remember_reason(c, "killed, and has not ended: left to the system");
    c->previous_pid = c->pid ? c->pid : c->previous_pid;
    c->pid = 0;
    if (c->machine.state != CHILD_LINGERING && c->group) forget_group(c);
}

void child_event(struct child *c, enum child_event event)
{
    enum child_state before = c->machine.state;
    bool was_looping = c->machine.is_crash_loop, was_steady = child_is_steady(c);
    struct child_policy policy = c->spec.policy;
    if (child_state_has_process(before)) policy.stop_timeout_ms = c->running_stop_timeout_ms;
    unsigned actions = child_step(&c->machine, &policy, event, mono_ms());
    missing(c, event, was_steady && c->machine.state != CHILD_READY);
    if (actions & ACTION_STOP_SIGNAL) {
        child_signal(c, c->running_stop_signal);
        child_signal(c, SIGCONT);
    }
    if (actions & ACTION_ABORT) child_signal(c, SIGABRT);
    if (actions & ACTION_KILL) kill_all(c);
    if (actions & ACTION_ABANDON) abandon(c);
    if (c->machine.state != before) entered(c, before, event);
    if (actions & ACTION_FAILED) tell_failure(c, actions);
    if ((actions & ACTION_STABLE) && was_looping) {
        log_info("%s[%d] has been stable: its crash loop is over", c->spec.name, (int)c->pid);
        events_emit(c->sup, "recovered", c->spec.name, (int)c->pid, "stable again");
    }
    arm_deadline(c);
    children_settle_soon(c->sup);
    c->sup->hooks->changed(c->sup);
    if (actions & ACTION_SPAWN) start(c);
}

void child_sleep_over(struct child *c, int64_t slept_ms, int64_t now_ms)
{
    child_sleep(&c->machine, slept_ms);
    c->pinged_ms = now_ms;
    c->missing_ms += slept_ms;
    arm_deadline(c);
    if (c->machine.state == CHILD_READY) child_watch_silence(c);
}

int child_resume(struct child *c)
{
    struct child_ends ends = {c->out.fd, c->err.fd, c->notify_fd, c->exec_fd};
    c->out.fd = c->err.fd = -1;
    int rc = child_listen(c, &ends, NULL);
    if (c->machine.state == CHILD_READY) child_watch_silence(c);
    if (c->machine.state == CHILD_READY) c->probe = probe_start_liveness(c);
    if (c->machine.state == CHILD_STARTING && c->spec.readiness == READINESS_PROBE && c->spec.program)
        c->probe = probe_start(c);
    arm_deadline(c);
    children_settle_soon(c->sup);
    return rc;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct child *c = arg;
    (void)fd, (void)what;
    pulse_slept_since(c->sup, 0);
    if (c->machine.state == CHILD_LINGERING && child_kin_gone(c))
        child_event(c, EVENT_GROUP_GONE);
    else if (c->machine.deadline_ms && mono_ms() >= c->machine.deadline_ms)
        child_event(c, EVENT_DEADLINE);
    else
        arm_deadline(c);
}

static void on_silence(evutil_socket_t fd, short what, void *arg)
{
    struct child *c = arg;
    (void)fd, (void)what;
    /* Pings that wait unread count: it may be us who was held up. */
    if (c->notify_fd >= 0) child_told(c->notify_fd, EV_READ, c);
    pulse_slept_since(c->sup, 0);
    if (c->machine.state != CHILD_READY) return;
    if (mono_ms() - c->pinged_ms >= c->spec.watchdog_ms)
        child_event(c, EVENT_HUNG);
    else
        child_watch_silence(c);
}

int child_signal(struct child *c, int sig)
{
    return c->pid > 0 ? kill(c->pid, sig) : -1;
}

void child_ended(struct child *c)
{
    /* A leader that was asked to stop leaves others some time; whoever crashed, hung or was killed leaves none. */
    bool is_polite = c->machine.state == CHILD_STOPPING;
    kill(-c->group, is_polite ? SIGTERM : SIGKILL);
    if (is_polite) kill(-c->group, SIGCONT);
}

void child_reaped(struct child *c, int wait_status)
{
    struct exit_facts facts = {
        .wait_status = wait_status,
        .state = c->machine.state,
        .why = c->machine.why,
        .silent_ms = mono_ms() - c->pinged_ms,
        .is_oom = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL && c->sup->hooks->oom_happened(c->sup),
    };
    char words[240];
    bool is_clean = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
    bool is_expected = c->machine.state == CHILD_STOPPING || c->machine.state == CHILD_KILLING;
    log_stream_drain(&c->out);
    log_stream_drain(&c->err);
    if (c->exec_fd >= 0) child_executed(c->exec_fd, EV_READ, c);
    exit_words(&facts, words, sizeof words);
    if (c->exec_error[0]) {
        size_t n = strlen(words);
        snprintf(words + n, sizeof words - n, ": %s", c->exec_error);
    }
    remember_reason(c, words);
    if (is_expected && c->machine.why == WHY_ASKED) log_info("%s[%d] %s", c->spec.name, (int)c->pid, words);
    if ((is_expected && c->machine.why == WHY_ASKED) || is_clean)
        recorder_say(c->sup, "ended", c->spec.name, (int)c->pid, "%s", words);
    c->previous_pid = is_clean ? 0 : c->pid;
    c->pid = 0;
    c->status[0] = 0;
    child_event(c, is_clean ? EVENT_EXITED_CLEAN : EVENT_EXITED_DIRTY);
    if (c->machine.state != CHILD_LINGERING) {
        if (c->group) forget_group(c); /* it was killed above */
        strays_sweep(c->sup);
    } else if (child_kin_gone(c)) {
        child_event(c, EVENT_GROUP_GONE);
    }
}

/* Whoever went out of the group has not heard that it is to end. */
static void ask_kin(struct child *c, const struct kin *kin)
{
    enum { ROOM = sizeof c->kin_told / sizeof *c->kin_told };
    for (int i = kin->in_group; i < kin->count && i < KIN_MAX; i++) {
        int at = 0;
        while (at < ROOM && c->kin_told[at] != kin->pids[i] && c->kin_told[at]) at++;
        if (at < ROOM && c->kin_told[at] == kin->pids[i]) continue;
        if (at < ROOM) c->kin_told[at] = kin->pids[i];
        kill(kin->pids[i], SIGTERM);
        kill(kin->pids[i], SIGCONT);
    }
}

bool child_kin_gone(struct child *c)
{
    struct kin kin;
    kin_find(c, &kin);
    if (kin.count > 0) {
        ask_kin(c, &kin);
        return false;
    }
    if (c->group) forget_group(c);
    return true;
}
