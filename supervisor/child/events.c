/* What happens to us and our children: recorded (recorder.h), and told to the events hook, a command of the operator's,
 * run on changes of state with the event in its environment. See events.h. */
#include "supervisor/child/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/text/utf8.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/pulse.h"
#include "supervisor/child/recorder.h"
#include "supervisor/child/tool.h"
#include "supervisor/plan/environment.h"
#include "supervisor/plan/exit_words.h"

#define QUEUE_MAX 32
#define HOOK_MS   10000 /* longest that a command may run */
#define BURST     20    /* commands at once ... */
#define REFILL_MS 1000  /* ... and one more in each of these */

struct happened {
    char event[24], child[CHILD_NAME_SIZE], text[256];
    int pid;
    int64_t wall_ms;
};

struct events_hook {
    struct happened queue[QUEUE_MAX];
    int first, count;
    int tokens;
    int64_t refilled_ms;
    struct tool command; /* that runs */
    struct event *timer; /* its end, or the next token */
    struct event *finish;
    int64_t began_ms;
    int64_t dropped;
    int64_t finish_by_ms; /* 0 = we do not stop */
};

static void run_next(struct supervisor *s);

static void refill(struct events_hook *e)
{
    int64_t now = mono_ms(), more = (now - e->refilled_ms) / REFILL_MS;
    if (more <= 0) return;
    e->tokens = e->tokens + more > BURST ? BURST : e->tokens + (int)more;
    e->refilled_ms = now;
}

static void wait_ms(struct events_hook *e, int ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(e->timer, &tv);
}

static void on_end(void *arg, int status)
{
    struct supervisor *s = arg;
    char words[160];
    struct exit_facts facts = {.wait_status = status, .state = CHILD_READY};
    event_del(s->events->timer);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log_warning("the events command failed: %s", exit_words(&facts, words, sizeof words));
    run_next(s);
    if (s->is_stopping) children_settle_soon(s);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;
    struct events_hook *e = s->events;
    (void)fd, (void)what;
    if (e->command.pid && pulse_slept_since(s, e->began_ms)) {
        e->began_ms = mono_ms() + 1;
        wait_ms(e, HOOK_MS);
        return;
    }
    if (e->command.pid) {
        log_warning("the events command ran for more than %d s: it is killed", HOOK_MS / 1000);
        tool_abandon(&e->command);
    }
    run_next(s);
    if (s->is_stopping) children_settle_soon(s);
}

static int start_command(struct supervisor *s, const struct happened *h)
{
    struct environment e;
    struct err err = {0};
    char time[CLOCK_TEXT_SIZE];
    char *argv[] = {"/bin/sh", "-c", (char *)conf_str(s->conf, SET_EVENTS_COMMAND), NULL};
    environment_start(&e, environ, 0);
    environment_hide(&e, s->conf);
    environment_set(&e, "LOGIKALD_SUPERVISOR_ID", "%s", s->id);
    environment_set(&e, "LOGIKALD_EVENT", "%s", h->event);
    environment_set(&e, "LOGIKALD_EVENT_CHILD", "%s", h->child);
    environment_set(&e, "LOGIKALD_EVENT_PID", "%d", h->pid);
    environment_set(&e, "LOGIKALD_EVENT_TEXT", "%s", h->text);
    environment_set(&e, "LOGIKALD_EVENT_TIME", "%s", clock_iso_ms(h->wall_ms, time));
    int rc = e.failed ? err_set(&err, ERR_NOMEM, "no memory for its environment")
                      : tool_start(&s->events->command, argv, e.list, -1, on_end, s, &err);
    environment_free(&e);
    if (rc != 0) log_warning("the events command cannot be run: %s", err.text);
    return rc;
}

static void run_next(struct supervisor *s)
{
    struct events_hook *e = s->events;
    if (e->command.pid || e->count == 0) return;
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
    if (start_command(s, &h) == 0) {
        e->began_ms = mono_ms();
        wait_ms(e, HOOK_MS);
    } else {
        e->dropped++;
        wait_ms(e, REFILL_MS);
    }
}

static void on_finish(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    children_settle_soon(arg);
}

int events_command_open(struct supervisor *s, struct err *err)
{
    s->events = calloc(1, sizeof *s->events);
    if (!s->events) return err_set(err, ERR_NOMEM, "no memory for events");
    s->events->tokens = BURST;
    s->events->refilled_ms = mono_ms();
    tool_init(&s->events->command, s, "events command");
    s->events->timer = event_new(s->base, -1, 0, on_timer, s);
    s->events->finish = event_new(s->base, -1, 0, on_finish, s);
    return s->events->timer && s->events->finish ? 0 : err_set(err, ERR_NOMEM, "no memory for events");
}

void events_command_close(struct supervisor *s)
{
    if (!s->events) return;
    tool_abandon(&s->events->command);
    if (s->events->timer) event_free(s->events->timer);
    if (s->events->finish) event_free(s->events->finish);
    free(s->events);
    s->events = NULL;
}

bool events_finish(struct supervisor *s)
{
    struct events_hook *e = s->events;
    int64_t now = mono_ms();
    if (!e || (!e->command.pid && e->count == 0)) return true;
    if (!e->finish_by_ms) e->finish_by_ms = now + EVENTS_FINISH_MS;
    if (now >= e->finish_by_ms) {
        log_warning("%d events could not be told any more: the events command was too slow",
                    e->count + (e->command.pid ? 1 : 0));
        e->dropped += e->count;
        return true;
    }
    if (!e->command.pid) run_next(s);
    struct timeval tv = {.tv_sec = (e->finish_by_ms - now) / 1000,
                         .tv_usec = (e->finish_by_ms - now) % 1000 * 1000 + 500};
    event_add(e->finish, &tv);
    return false;
}

bool events_is_busy(const struct supervisor *s)
{
    return s->events && s->events->command.pid;
}

cJSON *events_save(const struct supervisor *s)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; list && s->events && i < s->events->count; i++) {
        const struct happened *h = &s->events->queue[(s->events->first + i) % QUEUE_MAX];
        cJSON *item = cJSON_CreateObject();
        if (!item) continue;
        cJSON_AddStringToObject(item, "event", h->event);
        cJSON_AddStringToObject(item, "child", h->child);
        cJSON_AddStringToObject(item, "text", h->text);
        cJSON_AddNumberToObject(item, "pid", h->pid);
        cJSON_AddItemToArray(list, item);
    }
    return list;
}

static void tell_hook(struct supervisor *s, const char *event, const char *child, int pid, const char *text)
{
    struct events_hook *e = s->events;
    if (!e || !conf_is_set(s->conf, SET_EVENTS_COMMAND)) return;
    if (e->count == QUEUE_MAX) {
        e->dropped++;
        return;
    }
    struct happened *h = &e->queue[(e->first + e->count++) % QUEUE_MAX];
    *h = (struct happened){.pid = pid, .wall_ms = wall_ms()};
    snprintf(h->event, sizeof h->event, "%s", event);
    snprintf(h->child, sizeof h->child, "%s", child ? child : "");
    snprintf(h->text, sizeof h->text, "%s", text);
    run_next(s);
}

void events_restore(struct supervisor *s, const cJSON *list)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        const char *event = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "event"));
        const char *child = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "child"));
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "text"));
        const cJSON *pid = cJSON_GetObjectItemCaseSensitive(item, "pid");
        if (event) tell_hook(s, event, child, pid ? pid->valueint : 0, text ? text : "");
    }
}

static void format_text(char *out, size_t size, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
static void format_text(char *out, size_t size, const char *fmt, va_list ap)
{
    vsnprintf(out, size, fmt, ap);
    utf8_finish(out);
}

void events_emit(struct supervisor *s, const char *event, const char *child, int pid, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    format_text(text, sizeof text, fmt, ap);
    va_end(ap);
    recorder_note(s, event, child, pid, text, NULL);
    tell_hook(s, event, child, pid, text);
}

void events_emit_exit(const struct child *c, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    format_text(text, sizeof text, fmt, ap);
    va_end(ap);
    recorder_exit(c, "exit", text);
    tell_hook(c->sup, "exit", c->spec.name, (int)c->previous_pid, text);
}

void events_emit_reload(struct supervisor *s, int count, const char *what)
{
    char text[64];
    snprintf(text, sizeof text, "%d settings changed", count);
    recorder_note(s, "reload", NULL, 0, text, what);
    tell_hook(s, "reload", NULL, 0, text);
}

int64_t events_dropped(const struct supervisor *s)
{
    return s->events ? s->events->dropped : 0;
}
