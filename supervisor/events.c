/* The events hook: see events.h. */
#include "supervisor/events.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "supervisor/child.h"
#include "supervisor/children.h"
#include "supervisor/environment.h"
#include "supervisor/exit_words.h"
#include "supervisor/log_stream.h"
#include "supervisor/pulse.h"
#include "supervisor/reap.h"
#include "supervisor/spawn.h"

#define QUEUE_MAX 32
#define HOOK_MS   10000 /* longest that a command may run */
#define BURST     20    /* commands at once ... */
#define REFILL_MS 1000  /* ... and one more in each of these */

struct happened {
    char event[24], child[CHILD_NAME_SIZE], text[256];
    int pid;
    int64_t wall_ms;
};

struct events {
    struct happened queue[QUEUE_MAX];
    int first, count;
    int tokens;
    int64_t refilled_ms;
    pid_t pid;           /* of the command that runs; 0 = none */
    struct event *timer; /* its end, or the next token */
    struct event *finish;
    int64_t began_ms;
    struct log_stream out, err; /* of the command */
    int64_t dropped;
    int64_t finish_by_ms; /* 0 = we do not stop */
};

static void say(const char *text, size_t len, bool is_err)
{
    if (len == 0) return;
    if (is_err)
        log_warning("events command: %.*s", (int)len, text);
    else
        log_info("events command: %.*s", (int)len, text);
}

static void on_out(void *arg, const char *text, size_t len, bool is_cut)
{
    (void)arg, (void)is_cut;
    say(text, len, false);
}

static void on_err(void *arg, const char *text, size_t len, bool is_cut)
{
    (void)arg, (void)is_cut;
    say(text, len, true);
}

static void close_streams(struct events *e)
{
    log_stream_drain(&e->out);
    log_stream_drain(&e->err);
    log_stream_close(&e->out);
    log_stream_close(&e->err);
}

static void run_next(struct supervisor *s);

static void refill(struct events *e)
{
    int64_t now = mono_ms(), more = (now - e->refilled_ms) / REFILL_MS;
    if (more <= 0) return;
    e->tokens = e->tokens + more > BURST ? BURST : e->tokens + (int)more;
    e->refilled_ms = now;
}

static void wait_ms(struct events *e, int ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(e->timer, &tv);
}

static void on_end(void *arg, int status)
{
    struct supervisor *s = arg;
    char words[160];
    struct exit_facts facts = {.wait_status = status, .state = CHILD_READY};
    s->events->pid = 0;
    event_del(s->events->timer);
    close_streams(s->events);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log_warning("the events command failed: %s", exit_words(&facts, words, sizeof words));
    run_next(s);
    if (s->is_stopping) children_settle_soon(s);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;
    struct events *e = s->events;
    (void)fd;
    (void)what;
    if (e->pid && pulse_slept_since(s, e->began_ms)) {
        e->began_ms = mono_ms() + 1;
        wait_ms(e, HOOK_MS);
        return;
    }
    if (e->pid) {
        log_warning("the events command ran for more than %d s: it is killed", HOOK_MS / 1000);
        reap_abandon(s, s->events->pid);
        s->events->pid = 0;
        close_streams(e);
    }
    run_next(s);
    if (s->is_stopping) children_settle_soon(s);
}

/* Its output goes to the log. */
static pid_t spawn_command(struct supervisor *s, char *const *argv, char *const *envp, struct err *err)
{
    int out[2] = {-1, -1}, fail[2] = {-1, -1};
    if (pipe2(out, O_CLOEXEC) == 0 && pipe2(fail, O_CLOEXEC) == 0) {
        fcntl(out[0], F_SETFL, O_NONBLOCK);
        fcntl(fail[0], F_SETFL, O_NONBLOCK);
    }
    struct spawn how = {.path = argv[0],
                        .argv = argv,
                        .envp = envp,
                        .out_fd = out[1],
                        .err_fd = fail[1],
                        .listen_fd = -1,
                        .notify_fd = -1,
                        .status_fd = -1};
    pid_t pid = spawn(&how, err);
    if (out[1] >= 0) close(out[1]);
    if (fail[1] >= 0) close(fail[1]);
    if (out[0] >= 0) log_stream_open(&s->events->out, s->base, out[0], on_out, s);
    if (fail[0] >= 0) log_stream_open(&s->events->err, s->base, fail[0], on_err, s);
    if (pid < 0) close_streams(s->events);
    return pid;
}

static pid_t start_command(struct supervisor *s, const struct happened *h)
{
    struct environment e;
    struct err err = {0};
    char time[CLOCK_TEXT_SIZE];
    char *argv[] = {"/bin/sh", "-c", (char *)conf_str(s->conf, SET_EVENTS_COMMAND), NULL};
    environment_start(&e, environ, 0);
    environment_set(&e, "LOGIKALD_SUPERVISOR_ID", "%s", s->id);
    environment_set(&e, "LOGIKALD_EVENT", "%s", h->event);
    environment_set(&e, "LOGIKALD_EVENT_CHILD", "%s", h->child);
    environment_set(&e, "LOGIKALD_EVENT_PID", "%d", h->pid);
    environment_set(&e, "LOGIKALD_EVENT_TEXT", "%s", h->text);
    environment_set(&e, "LOGIKALD_EVENT_TIME", "%s", clock_iso_ms(h->wall_ms, time));
    pid_t pid = e.failed ? -1 : spawn_command(s, argv, e.list, &err);
    environment_free(&e);
    if (pid < 0) log_warning("the events command cannot be run: %s", err.text);
    return pid;
}

static void run_next(struct supervisor *s)
{
    struct events *e = s->events;
    if (e->pid || e->count == 0) return;
    refill(e);
    if (e->tokens == 0 && e->finish_by_ms) e->tokens = 1; /* the last ones are told all the same */
    if (e->tokens == 0) {
        wait_ms(e, REFILL_MS);
        return;
    }
    struct happened h = e->queue[e->first];
    e->first = (e->first + 1) % QUEUE_MAX;
    e->count--;
    if (!conf_is_set(s->conf, SET_EVENTS_COMMAND)) {
        e->count = 0; /* switched off by a reload meanwhile */
        return;
    }
    e->tokens--;
    pid_t pid = start_command(s, &h);
    if (pid > 0 && reap_watch(s, pid, on_end, s) == 0) {
        e->pid = pid;
        e->began_ms = mono_ms();
        wait_ms(e, HOOK_MS);
    } else {
        e->dropped++;
        wait_ms(e, REFILL_MS);
    }
}

static void on_finish(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    children_settle_soon(arg);
}

int events_command_open(struct supervisor *s, struct err *err)
{
    s->events = calloc(1, sizeof *s->events);
    if (!s->events) return err_set(err, ERR_NOMEM, "no memory for events");
    s->events->tokens = BURST;
    s->events->refilled_ms = mono_ms();
    s->events->out.fd = s->events->err.fd = -1;
    s->events->timer = event_new(s->base, -1, 0, on_timer, s);
    s->events->finish = event_new(s->base, -1, 0, on_finish, s);
    return s->events->timer && s->events->finish ? 0 : err_set(err, ERR_NOMEM, "no memory for events");
}

void events_command_close(struct supervisor *s)
{
    if (!s->events) return;
    if (s->events->pid) reap_abandon(s, s->events->pid);
    close_streams(s->events);
    if (s->events->timer) event_free(s->events->timer);
    if (s->events->finish) event_free(s->events->finish);
    free(s->events);
    s->events = NULL;
}

bool events_finish(struct supervisor *s)
{
    struct events *e = s->events;
    int64_t now = mono_ms();
    if (!e || (!e->pid && e->count == 0)) return true;
    if (!e->finish_by_ms) e->finish_by_ms = now + EVENTS_FINISH_MS;
    if (now >= e->finish_by_ms) {
        log_warning("%d events could not be told any more: the events command was too slow",
                    e->count + (e->pid ? 1 : 0));
        e->dropped += e->count;
        return true;
    }
    if (!e->pid) run_next(s);
    struct timeval tv = {.tv_sec = (e->finish_by_ms - now) / 1000,
                         .tv_usec = (e->finish_by_ms - now) % 1000 * 1000 + 500};
    event_add(e->finish, &tv);
    return false;
}

void events_emit(struct supervisor *s, const char *event, const char *child, int pid, const char *fmt, ...)
{
    struct events *e = s->events;
    va_list ap;
    if (!e || !conf_is_set(s->conf, SET_EVENTS_COMMAND)) return;
    if (e->count == QUEUE_MAX) {
        e->dropped++;
        return;
    }
    struct happened *h = &e->queue[(e->first + e->count++) % QUEUE_MAX];
    *h = (struct happened){.pid = pid, .wall_ms = wall_ms()};
    snprintf(h->event, sizeof h->event, "%s", event);
    snprintf(h->child, sizeof h->child, "%s", child ? child : "");
    va_start(ap, fmt);
    vsnprintf(h->text, sizeof h->text, fmt, ap);
    va_end(ap);
    run_next(s);
}

int64_t events_dropped(const struct supervisor *s)
{
    return s->events ? s->events->dropped : 0;
}
