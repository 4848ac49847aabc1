/* The state that a supervisor hands over when it executes itself anew: it was written by another version of the
 * program. It is refused with a reason, or it becomes children that are children, which hand over the same again.
 * Descriptors in it are those of pipes, or none at all. short run: 1500 */
#include <limits.h>

#include "conf/log.h"
#include "conf/text/utf8.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/guardian.h"
#include "supervisor/child/hooks.h"
#include "supervisor/control/reexec.h"
#include "tests/fuzz/fuzz.h"

#define NOT_OPEN 900000

/* In place of the real ones: nothing here has a process. */
void children_settle_soon(struct supervisor *s)
{
    (void)s;
}

int guardian_resume(struct supervisor *s, struct err *err)
{
    (void)s, (void)err;
    return 0;
}

static void on_line(struct supervisor *s, const struct child *c, const char *text, size_t len)
{
    (void)s, (void)c, (void)text, (void)len;
}

void log_sink_line(struct log_sink *sink, const char *line, size_t len)
{
    (void)sink, (void)line, (void)len;
}

static int pipes[64], read_ends[64], pipe_count;
static bool are_all_open;

static int any_pipe(int number)
{
    int ends[2];
    if (number < 0) return -1;
    if (pipe_count == 64) return -1;
    if (number % 7 == 6 && !are_all_open) return NOT_OPEN;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) abort();
    read_ends[pipe_count] = ends[0];
    pipes[pipe_count++] = ends[1];
    return ends[0];
}

/* Numbers of descriptors become those of pipes: others are our own. */
static void open_pipes(cJSON *json)
{
    for (cJSON *m = json ? json->child : NULL; m; m = m->next) {
        size_t len = m->string ? strlen(m->string) : 0;
        bool is_fd = cJSON_IsObject(json) && len > 2 && strcmp(m->string + len - 2, "fd") == 0;
        if (is_fd && cJSON_IsNumber(m)) cJSON_SetNumberValue(m, any_pipe(m->valueint));
        open_pipes(m);
    }
}

static bool is_text; /* what stands in the state */

static void check(const struct child *c)
{
    PROMISE(c->spec.name[0] && (!is_text || utf8_is_valid(c->spec.name, strlen(c->spec.name))));
    PROMISE(c->machine.state < CHILD_STATE_COUNT && c->machine.why <= WHY_SICK);
    PROMISE(c->spec.readiness <= READINESS_PROBE && c->pid >= 0 && c->group >= 0 && c->previous_pid >= 0);
    PROMISE(c->pid != 1 && c->group != 1); /* nobody that signals are sent to for our own children */
    PROMISE(c->running_stop_signal > 0 && c->running_stop_signal <= 64);
    PROMISE(!is_text || utf8_is_valid(c->status, strlen(c->status)));
    PROMISE(!is_text || utf8_is_valid(c->reasons[0], strlen(c->reasons[0])));
}

/* Whatever happens next, the machine goes on from what was handed over. */
static void live_on(const struct child *c)
{
    for (int event = 0; event < CHILD_EVENT_COUNT; event++) {
        struct child_machine m = c->machine;
        child_step(&m, &c->spec.policy, (enum child_event)event, 1000000);
        PROMISE(m.state < CHILD_STATE_COUNT);
    }
}

static bool adopt(struct supervisor *s, const cJSON *state)
{
    struct err err = {0};
    struct child *c;
    int rc = reexec_adopt_self(s, state, &err);
    if (rc == 0) rc = reexec_adopt_children(s, state, &err);
    PROMISE(rc <= 0 && (rc == 0 || err.text[0]));
    CHILDREN_FOREACH(c, s) {
        if (rc == 0) check(c);
        if (rc == 0) live_on(c);
    }
    return rc == 0;
}

static void forget(struct supervisor *s)
{
    for (struct child *c; (c = TAILQ_FIRST(&s->children)) != NULL;) {
        c->pid = 0;
        child_free(c);
    }
    for (int *fd = (int[]){s->lock_fd, s->listen_fd, s->control_fd, s->dir_fd, s->log_fd, s->guardian_fd}, i = 0; i < 6;
         i++)
        if (fd[i] >= 0 && fd[i] != NOT_OPEN) close(fd[i]);
    s->lock_fd = s->listen_fd = s->control_fd = s->dir_fd = s->log_fd = s->guardian_fd = -1;
    while (pipe_count-- > 0) {
        close(pipes[pipe_count]);
        close(read_ends[pipe_count]); /* one that nobody took over; the others are closed already */
    }
    pipe_count = 0;
}

static struct supervisor *fresh(void)
{
    static const struct child_hooks hooks = {.line = on_line};
    static struct supervisor s;
    static struct event_base *base;
    static struct conf *conf;
    struct err err = {0};
    if (!base) {
        log_set_level(LOG_CRITICAL);
        base = event_base_new();
        conf = conf_load(&(struct conf_paths){0}, &err);
        if (!base || !conf) abort();
    }
    memset(&s, 0, sizeof s);
    s.base = base;
    s.conf = conf;
    s.hooks = &hooks;
    s.lock_fd = s.listen_fd = s.control_fd = s.dir_fd = s.log_fd = s.guardian_fd = -1;
    TAILQ_INIT(&s.children);
    LIST_INIT(&s.watched);
    return &s;
}

/* Pipes have other numbers in another process, and what stands between lines is a line. */
static char *shown(const cJSON *state)
{
    cJSON *copy = cJSON_Duplicate(state, true);
    static const char *const own[] = {"environment", "configuration"};
    for (int i = 0; i < 2; i++) cJSON_DeleteItemFromObjectCaseSensitive(copy, own[i]);
    cJSON *child;
    cJSON_ArrayForEach(child, cJSON_GetObjectItemCaseSensitive(copy, "children"))
        for (cJSON *m = child->child, *next; m; m = next) {
            size_t len = strlen(m->string);
            next = m->next;
            if (len > 2 && strcmp(m->string + len - 2, "fd") == 0) cJSON_SetNumberValue(m, -1);
        }
    char *text = cJSON_PrintUnformatted(copy);
    cJSON_Delete(copy);
    return text;
}

/* What was taken over is handed over again, and taken over as the same. */
static void check_handed_on(cJSON *state)
{
    struct supervisor *s = fresh();
    are_all_open = false;
    open_pipes(state);
    bool is_adopted = adopt(s, state);
    cJSON *saved = reexec_save(s);
    forget(s);
    PROMISE(saved);
    if (!is_adopted) {
        cJSON_Delete(saved);
        return;
    }
    are_all_open = true;
    open_pipes(saved);
    s = fresh();
    PROMISE(adopt(s, saved));
    cJSON *again = reexec_save(s);
    forget(s);
    static const char *const not_own[] = {"lock_fd", "listen_fd", "control_fd", "dir_fd", "log_fd", "guardian_fd"};
    for (int i = 0; i < 6; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(saved, not_own[i]);
        cJSON_DeleteItemFromObjectCaseSensitive(again, not_own[i]);
    }
    char *a = shown(saved), *b = shown(again);
    if (strcmp(a, b) != 0) fprintf(stderr, "%s\n%s\n", a, b);
    PROMISE(strcmp(a, b) == 0);
    free(a);
    free(b);
    cJSON_Delete(saved);
    cJSON_Delete(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    cJSON *state = cJSON_ParseWithLength((const char *)data, size);
    is_text = utf8_is_valid((const char *)data, size);
    if (reexec_check(state, &err) == 0) {
        check_handed_on(state);
        struct conf *conf = reexec_conf(state, &err);
        PROMISE(conf || err.text[0]);
        conf_free(conf);
    } else {
        PROMISE(err.text[0] && (!is_text || utf8_is_valid(err.text, strlen(err.text))));
    }
    cJSON_Delete(state);
    return 0;
}
