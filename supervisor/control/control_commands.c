/* What the control socket understands: one table of commands. See control.h. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/log.h"
#include "conf/version.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/events.h"
#include "supervisor/child/recorder.h"
#include "supervisor/control/control.h"
#include "supervisor/control/overrides.h"
#include "supervisor/control/reexec.h"
#include "supervisor/control/reload.h"
#include "supervisor/plan/exit_words.h"
#include "supervisor/watch/status.h"

#define TAIL_LINES     20
#define TAIL_LINES_MAX 100000 /* more than are kept */

static void do_status(struct control_peer *p, int argc, char **argv)
{
    struct supervisor *s = control_supervisor(p);
    cJSON *answer = cJSON_CreateObject(), *status = status_json(s);
    (void)argc, (void)argv;
    if (!answer || !status) {
        cJSON_Delete(answer);
        cJSON_Delete(status);
        control_refuse(p, "no memory");
        return;
    }
    cJSON_AddItemToObject(answer, "status", status);
    control_answer(p, true, answer);
}

typedef void (*child_fn)(struct child *c);

static void start_child(struct child *c)
{
    if (c->is_held) recorder_say(c->sup, "released", c->spec.name, (int)c->pid, "started by `ctl start`");
    c->is_held = false;
    enum child_state state = c->machine.state;
    if (state == CHILD_STARTING || state == CHILD_READY) return;
    child_event(c, EVENT_RESTART); /* one that is just ending only notes that it is wanted */
}

static void stop_child(struct child *c)
{
    c->is_held = true;
    c->is_outdated = false;
    events_emit(c->sup, "held", c->spec.name, (int)c->pid, "stopped by `ctl stop`");
    if (c->is_successor) c->is_leaving = true;
    child_event(c, EVENT_STOP);
}

static void restart_child(struct child *c)
{
    recorder_say(c->sup, "restart", c->spec.name, (int)c->pid, "restarted by `ctl restart`");
    c->is_held = false;
    if (c->machine.state == CHILD_READY && c->spec.is_overlapping)
        c->is_outdated = true; /* replaced without a gap */
    else
        child_event(c, EVENT_RESTART);
}

/* Does fn to every child that a name means, and answers with those that it was done to, as they are now. */
static void do_named(struct control_peer *p, int argc, char **argv, child_fn fn)
{
    struct supervisor *s = control_supervisor(p);
    for (int i = 0; i < argc; i++) {
        struct child *c = children_match(s, argv[i], NULL);
        if (!c) {
            control_refuse(p, "there is no child \"%s\" (`logikald ctl status` lists them)", argv[i]);
            return;
        }
    }
    if (s->is_stopping) {
        control_refuse(p, "the supervisor is stopping");
        return;
    }
    cJSON *answer = cJSON_CreateObject();
    cJSON *list = answer ? cJSON_AddArrayToObject(answer, "children") : NULL;
    for (int i = 0; i < argc; i++)
        for (struct child *c = children_match(s, argv[i], NULL); c; c = children_match(s, argv[i], c)) {
            if (c->is_leaving) continue;
            cJSON *item = list ? cJSON_CreateObject() : NULL;
            if (item) {
                cJSON_AddStringToObject(item, "name", c->spec.name);
                cJSON_AddNumberToObject(item, "pid", c->pid);
                cJSON_AddItemToArray(list, item);
            }
            fn(c);
        }
    children_settle_soon(s);
    status_changed(s);
    control_answer(p, true, answer);
}

static void do_start(struct control_peer *p, int argc, char **argv)
{
    do_named(p, argc, argv, start_child);
}

static void do_stop(struct control_peer *p, int argc, char **argv)
{
    do_named(p, argc, argv, stop_child);
}

static void do_restart(struct control_peer *p, int argc, char **argv)
{
    do_named(p, argc, argv, restart_child);
}

static void do_reload(struct control_peer *p, int argc, char **argv)
{
    struct err err = {0};
    struct supervisor *s = control_supervisor(p);
    bool is_exec = argc > 0 && strcmp(argv[0], "--exec") == 0;
    if (argc > 0 && !is_exec)
        control_refuse(p, "reload takes --exec or nothing");
    else if (s->is_stopping)
        control_refuse(p, "the supervisor is stopping");
    else if (supervisor_reload(s, &err) != 0)
        control_refuse(p, "%s; nothing was changed", err.text);
    else if (is_exec && reexec_begin(s, p, &err) != 0)
        control_refuse(p, "%s", err.text);
    else if (!is_exec) /* else the answer comes when the program has been tried */
        control_answer_text(p, "the configuration is reloaded");
}

static void do_signal(struct control_peer *p, int argc, char **argv)
{
    struct supervisor *s = control_supervisor(p);
    char name[32];
    int sig = signal_number(argv[1]), count = 0;
    (void)argc;
    if (sig < 0) {
        control_refuse(p, "\"%s\" is no signal: TERM, HUP, USR1, 15 ... were expected", argv[1]);
        return;
    }
    for (struct child *c = children_match(s, argv[0], NULL); c; c = children_match(s, argv[0], c))
        if (child_signal(c, sig) == 0) count++;
    if (count == 0)
        control_refuse(p, "\"%s\" has no process", argv[0]);
    else
        control_answer_text(p, "%s was sent to %d %s", signal_words(sig, name, sizeof name), count,
                            count == 1 ? "process" : "processes");
}

/* tail NAME [LINES [follow]] */
static void do_tail(struct control_peer *p, int argc, char **argv)
{
    struct supervisor *s = control_supervisor(p);
    char *end = NULL;
    long asked = argc > 1 ? strtol(argv[1], &end, 10) : TAIL_LINES;
    int lines = asked > TAIL_LINES_MAX ? TAIL_LINES_MAX : (int)asked;
    struct child *c = children_match(s, argv[0], NULL);
    if (end && (*end || end == argv[1] || asked < 0)) {
        control_refuse(p, "\"%.20s\" is not a number of lines", argv[1]);
        return;
    }
    if (!c) {
        control_refuse(p, "there is no child \"%s\" (`logikald ctl status` lists them)", argv[0]);
        return;
    }
    for (; c; c = children_match(s, argv[0], c)) {
        size_t len, n;
        const char *text = line_ring_last(&c->lines, lines, &len);
        for (; len > 0; text += n + 1, len -= n + 1) {
            n = (size_t)((const char *)memchr(text, '\n', len) - text);
            control_say_line(p, text, n);
        }
    }
    if (argc < 3 || strcmp(argv[2], "follow") != 0)
        control_answer(p, true, NULL);
    else if (!control_follow(p, argv[0]))
        control_refuse(p, "too many clients follow already: end one of them (tail -f)");
}

static void do_set(struct control_peer *p, int argc, char **argv)
{
    struct err err = {0};
    struct supervisor *s = control_supervisor(p);
    if (s->is_stopping)
        control_refuse(p, "the supervisor is stopping");
    else if (overrides_set(s, argv[0], argc > 1 ? argv[1] : NULL, &err) != 0)
        control_refuse(p, "%s", err.text);
    else
        control_answer_text(p, argc > 1 ? "%s is set until the supervisor ends" : "%s is as configured again", argv[0]);
}

static void do_flags(struct control_peer *p, int argc, char **argv)
{
    struct supervisor *s = control_supervisor(p);
    cJSON *answer = cJSON_CreateObject();
    cJSON *list = answer ? cJSON_AddArrayToObject(answer, "flags") : NULL;
    (void)argc, (void)argv;
    for (int i = 0; list && i < SET_COUNT; i++) {
        enum setting_id id = (enum setting_id)i;
        cJSON *flag = settings[i].type == SETTING_BOOL ? cJSON_CreateObject() : NULL;
        if (!flag) continue;
        cJSON_AddItemToArray(list, flag);
        cJSON_AddStringToObject(flag, "key", settings[i].key);
        cJSON_AddBoolToObject(flag, "on", conf_bool(s->conf, id));
        cJSON_AddStringToObject(flag, "source", conf_source_name(conf_source(s->conf, id)));
        cJSON_AddStringToObject(flag, "help", settings[i].help);
    }
    control_answer(p, true, answer);
}

static void do_version(struct control_peer *p, int argc, char **argv)
{
    cJSON *answer = cJSON_CreateObject();
    (void)argc, (void)argv;
    if (answer) cJSON_AddStringToObject(answer, "version", version_text);
    control_answer(p, true, answer);
}

/* For the tools beside us (`logikald check`, `queue` ...): the configuration in force, that of our environment with it.
 */
static void do_configuration(struct control_peer *p, int argc, char **argv)
{
    const struct conf *conf = control_supervisor(p)->conf;
    struct buf texts[3] = {{0}, {0}, {0}};
    static const char *const names[] = {"file", "env_file", "overrides"};
    cJSON *answer = cJSON_CreateObject();
    (void)argc, (void)argv;
    conf_write_file(conf, ~0u, true, &texts[0]);
    conf_write_env(conf, ~0u, &texts[1]);
    conf_write_overrides(conf, ~0u, &texts[2]);
    for (int i = 0; i < 3; i++) {
        if (answer && !texts[i].failed) cJSON_AddStringToObject(answer, names[i], texts[i].data);
        if (texts[i].data) explicit_bzero(texts[i].data, texts[i].len);
        buf_free(&texts[i]);
    }
    cJSON *environment = answer ? cJSON_AddObjectToObject(answer, "environment") : NULL;
    for (int i = 0; environment && i < SET_COUNT; i++) {
        enum setting_id id = (enum setting_id)i;
        if (conf_source(conf, id) == SOURCE_ENVIRONMENT)
            cJSON_AddStringToObject(environment, settings[i].env, conf_str(conf, id));
    }
    control_answer(p, true, answer);
}

static void do_shutdown(struct control_peer *p, int argc, char **argv)
{
    (void)argc, (void)argv;
    control_answer_text(p, "stopping");
    supervisor_stop(control_supervisor(p), 0, "ctl shutdown");
}

static const struct {
    const char *name;
    void (*run)(struct control_peer *p, int argc, char **argv);
    int min_args, max_args;
} rows[] = {
    {"status", do_status, 0, 0},    {"start", do_start, 1, 16},      {"stop", do_stop, 1, 16},
    {"restart", do_restart, 1, 16}, {"reload", do_reload, 0, 1},     {"signal", do_signal, 2, 2},
    {"tail", do_tail, 1, 3},        {"set", do_set, 1, 2},           {"flags", do_flags, 0, 0},
    {"version", do_version, 0, 0},  {"shutdown", do_shutdown, 0, 0}, {"configuration", do_configuration, 0, 0},
};

void control_execute(struct control_peer *p, const char *command, int argc, char **argv)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, command) != 0) continue;
        control_supervisor(p)->must_trim = true;
        if (argc < rows[i].min_args || argc > rows[i].max_args)
            control_refuse(p, "%s: %d arguments are too %s", command, argc, argc < rows[i].min_args ? "few" : "many");
        else
            rows[i].run(p, argc, argv);
        return;
    }
    control_refuse(p, "unknown command \"%.40s\"", command);
}
