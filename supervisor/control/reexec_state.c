/* The supervisor's state as JSON, for an exec: see reexec.h. Fields are named once, in tables. */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/log.h"
#include "conf/text/json.h"
#include "conf/text/utf8.h"
#include "conf/text/whole.h"
#include "conf/version.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/events.h"
#include "supervisor/child/guardian.h"
#include "supervisor/child/probe.h"
#include "supervisor/control/reexec.h"
#include "supervisor/system/self.h"

#define STATE_FORMAT 1

/* A name must fit, or another one would be meant; of a text there is as much as fits. */
enum field_kind { KIND_INT, KIND_INT64, KIND_BOOL, KIND_NAME, KIND_TEXT, KIND_FD, KIND_PID };
struct state_field {
    const char *name;
    size_t offset, size;
    enum field_kind kind;
    int most; /* of KIND_INT: what is negative or greater is refused; 0 = any */
};
#define FIELD_UP_TO(of, member, kind, most)                                                                            \
    {                                                                                                                  \
#member, offsetof(struct of, member), sizeof(((struct of *)0)->member), kind, most                             \
    }
#define FIELD(of, member, kind) FIELD_UP_TO(of, member, kind, 0)

static const struct state_field self_fields[] = {
    FIELD(supervisor, id, KIND_NAME),
    FIELD(supervisor, lock_fd, KIND_FD),
    FIELD(supervisor, listen_fd, KIND_FD),
    FIELD(supervisor, control_fd, KIND_FD),
    FIELD(supervisor, dir_fd, KIND_FD),
    FIELD(supervisor, log_fd, KIND_FD),
    FIELD(supervisor, run_dir, KIND_NAME),
    FIELD(supervisor, only, KIND_NAME),
    FIELD(supervisor, source_file, KIND_NAME),
    FIELD(supervisor, source_env_file, KIND_NAME),
    FIELD(supervisor, guardian_fd, KIND_FD),
    FIELD(supervisor, guardian_pid, KIND_PID),
    FIELD(supervisor, started_ms, KIND_INT64),
    FIELD(supervisor, orphans_reaped, KIND_INT64),
    FIELD(supervisor, reloads, KIND_INT64),
    FIELD(supervisor, reloads_refused, KIND_INT64),
    FIELD(supervisor, reloaded_ms, KIND_INT64),
    FIELD(supervisor, births, KIND_INT64),
    {0},
};

static const struct state_field child_fields[] = {
    FIELD(child, spec.name, KIND_NAME),
    FIELD(child, spec.role, KIND_NAME),
    FIELD(child, spec.users, KIND_INT),
    FIELD(child, spec.uid, KIND_INT),
    FIELD_UP_TO(child, spec.readiness, KIND_INT, READINESS_PROBE),
    FIELD_UP_TO(child, spec.stop_signal, KIND_INT, NSIG - 1),
    FIELD(child, spec.watchdog_ms, KIND_INT64),
    FIELD(child, spec.is_overlapping, KIND_BOOL),
    FIELD_UP_TO(child, spec.policy.restart, KIND_INT, RESTART_NEVER),
    FIELD(child, spec.policy.start_timeout_ms, KIND_INT64),
    FIELD(child, spec.policy.stop_timeout_ms, KIND_INT64),
    FIELD_UP_TO(child, machine.state, KIND_INT, CHILD_STATE_COUNT - 1),
    FIELD(child, machine.is_wanted, KIND_BOOL),
    FIELD(child, machine.is_crash_loop, KIND_BOOL),
    FIELD(child, machine.is_success, KIND_BOOL),
    FIELD_UP_TO(child, machine.why, KIND_INT, WHY_SICK),
    FIELD(child, machine.deadline_ms, KIND_INT64),
    FIELD(child, machine.ready_ms, KIND_INT64),
    FIELD(child, machine.starts, KIND_INT64),
    FIELD(child, machine.failures, KIND_INT),
    FIELD(child, machine.exits_at, KIND_INT),
    FIELD(child, machine.backoff.attempt, KIND_INT),
    FIELD(child, pid, KIND_PID),
    FIELD(child, group, KIND_PID),
    FIELD(child, previous_pid, KIND_PID),
    FIELD(child, started_ms, KIND_INT64),
    FIELD(child, started_wall_ms, KIND_INT64),
    FIELD(child, out.fd, KIND_FD),
    FIELD(child, err.fd, KIND_FD),
    FIELD(child, notify_fd, KIND_FD),
    FIELD(child, exec_fd, KIND_FD),
    FIELD(child, exec_error, KIND_TEXT),
    FIELD(child, status, KIND_TEXT),
    FIELD(child, pinged_ms, KIND_INT64),
    FIELD(child, missing_ms, KIND_INT64),
    FIELD(child, born, KIND_INT64),
    FIELD_UP_TO(child, running_stop_signal, KIND_INT, NSIG - 1),
    FIELD(child, running_stop_timeout_ms, KIND_INT64),
    FIELD(child, machine.kills, KIND_INT),
    FIELD(child, machine.asked_ms, KIND_INT64),
    FIELD(child, exited_wall_ms, KIND_INT64),
    FIELD(child, outgrown_ms, KIND_INT64),
    FIELD(child, is_held, KIND_BOOL),
    FIELD(child, is_leaving, KIND_BOOL),
    FIELD(child, is_successor, KIND_BOOL),
    FIELD(child, is_outdated, KIND_BOOL),
    FIELD(child, program_device, KIND_INT64),
    FIELD(child, program_inode, KIND_INT64),
    FIELD(child, owes_hup, KIND_BOOL),
    FIELD(child, reasons[0], KIND_TEXT),
    FIELD(child, reasons[1], KIND_TEXT),
    FIELD(child, reasons[2], KIND_TEXT),
    {0},
};

static void save_whole(cJSON *json, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    if (value >= -WHOLE_MAX && value <= WHOLE_MAX) /* JSON's numbers are doubles */
        cJSON_AddNumberToObject(json, name, (double)value);
    else
        cJSON_AddStringToObject(json, name, text);
}

static void save(cJSON *json, const struct state_field *fields, const void *from)
{
    for (const struct state_field *f = fields; f->name; f++) {
        const void *at = (const char *)from + f->offset;
        switch (f->kind) {
        case KIND_INT:
        case KIND_PID:
        case KIND_FD: cJSON_AddNumberToObject(json, f->name, *(const int *)at); break;
        case KIND_INT64: save_whole(json, f->name, *(const int64_t *)at); break;
        case KIND_BOOL: cJSON_AddBoolToObject(json, f->name, *(const bool *)at); break;
        case KIND_NAME:
        case KIND_TEXT: cJSON_AddStringToObject(json, f->name, at); break;
        }
    }
}

/* What another version did not write stays as it is. */
static void restore(const cJSON *json, const struct state_field *fields, void *to)
{
    for (const struct state_field *f = fields; f->name; f++) {
        void *at = (char *)to + f->offset;
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, f->name);
        switch (f->kind) {
        case KIND_INT:
        case KIND_PID:
        case KIND_FD:
            if (cJSON_IsNumber(v)) *(int *)at = v->valueint;
            break;
        case KIND_INT64:
            if (cJSON_IsNumber(v)) *(int64_t *)at = json_whole(json, f->name, 0);
            if (cJSON_IsString(v)) *(int64_t *)at = strtoll(v->valuestring, NULL, 10);
            break;
        case KIND_BOOL:
            if (cJSON_IsBool(v)) *(bool *)at = cJSON_IsTrue(v);
            break;
        case KIND_NAME:
        case KIND_TEXT:
            if (cJSON_IsString(v))
                snprintf(at, f->size, "%.*s", (int)utf8_cut(v->valuestring, f->size - 1), v->valuestring);
            break;
        }
    }
}

static void save_text(cJSON *json, const char *name, struct buf *text)
{
    if (!text->failed) cJSON_AddStringToObject(json, name, text->data ? text->data : "");
    if (text->data) explicit_bzero(text->data, text->len);
    buf_free(text);
}

/* What is in force, with nothing left to look up: the files as they lie there now may be another. */
static void save_configuration(const struct supervisor *s, cJSON *state)
{
    cJSON *json = cJSON_AddObjectToObject(state, "configuration");
    cJSON *names = json ? cJSON_AddArrayToObject(json, "secret_names") : NULL;
    struct buf file = {0}, env = {0}, overrides = {0};
    if (!names) return;
    conf_write_file(s->conf, ~0u, true, &file);
    conf_write_env(s->conf, ~0u, &env);
    conf_write_overrides(s->conf, ~0u, &overrides);
    save_text(json, "file", &file);
    save_text(json, "env_file", &env);
    save_text(json, "overrides", &overrides);
    for (int i = 0; i < conf_secret_name_count(s->conf); i++)
        if (conf_is_secret_name(s->conf, conf_secret_name(s->conf, i)))
            cJSON_AddItemToArray(names, cJSON_CreateString(conf_secret_name(s->conf, i)));
}

/* Bytes of a log as text; a NUL becomes a blank. */
static void save_bytes(cJSON *json, const char *name, const char *bytes, size_t len)
{
    char *text = bytes && len > 0 ? malloc(len + 1) : NULL;
    if (!text) return;
    for (size_t i = 0; i < len; i++) text[i] = bytes[i] ? bytes[i] : ' ';
    text[len] = 0;
    cJSON_AddStringToObject(json, name, text);
    free(text);
}

static void save_child(const struct child *c, cJSON *json)
{
    save(json, child_fields, c);
    cJSON *exits = cJSON_AddArrayToObject(json, "exits");
    for (int i = 0; exits && i < CHILD_EXITS_MAX && (unsigned)i < c->machine.exits_at; i++)
        cJSON_AddItemToArray(exits, cJSON_CreateNumber((double)c->machine.exits_ms[i]));
    save_bytes(json, "begun_out", c->out.line, c->out.len);
    save_bytes(json, "begun_err", c->err.line, c->err.len);
    save_bytes(json, "lines", c->lines.bytes, c->lines.len);
}

cJSON *reexec_save(const struct supervisor *s)
{
    const struct child *c;
    struct err err = {0};
    const char *path = self_path(&err);
    cJSON *state = cJSON_CreateObject(), *events = events_save(s);
    cJSON *children = state ? cJSON_AddArrayToObject(state, "children") : NULL;
    if (events && (!state || !cJSON_AddItemToObject(state, "events", events))) cJSON_Delete(events);
    if (!children) return state;
    cJSON_AddNumberToObject(state, "format", STATE_FORMAT);
    if (path) cJSON_AddStringToObject(state, "program", path);
    cJSON_AddStringToObject(state, "version", version_text);
    save(state, self_fields, s);
    save_configuration(s, state);
    cJSON *environment = cJSON_AddArrayToObject(state, "environment"); /* for a way back */
    for (char **e = environ; environment && *e; e++) cJSON_AddItemToArray(environment, cJSON_CreateString(*e));
    CHILDREN_FOREACH(c, s) {
        cJSON *child = cJSON_CreateObject();
        if (!child) continue;
        cJSON_AddItemToArray(children, child);
        save_child(c, child);
    }
    return state;
}

static void mark(const struct state_field *fields, const void *of, bool is_kept)
{
    for (const struct state_field *f = fields; f->name; f++) {
        int fd = f->kind == KIND_FD ? *(const int *)(const void *)((const char *)of + f->offset) : -1;
        if (fd >= 0) fcntl(fd, F_SETFD, is_kept ? 0 : FD_CLOEXEC);
    }
}

void reexec_keep_descriptors(const struct supervisor *s, bool is_kept)
{
    const struct child *c;
    mark(self_fields, s, is_kept);
    CHILDREN_FOREACH(c, s) mark(child_fields, c, is_kept);
}

static void keep_listed(const struct state_field *fields, const cJSON *json)
{
    for (const struct state_field *f = fields; f->name; f++) {
        const cJSON *fd = f->kind == KIND_FD ? cJSON_GetObjectItemCaseSensitive(json, f->name) : NULL;
        if (cJSON_IsNumber(fd) && fd->valueint >= 0) fcntl(fd->valueint, F_SETFD, 0);
    }
}

void reexec_keep_all(const cJSON *state)
{
    const cJSON *child;
    keep_listed(self_fields, state);
    cJSON_ArrayForEach(child, cJSON_GetObjectItemCaseSensitive(state, "children")) keep_listed(child_fields, child);
}

/* Numbers that stand for one of ours are one of ours (another version may have more), and signals reach no process but
 * one: 1 and what is negative mean others than a child. */
static bool fits(const struct state_field *f, const cJSON *v)
{
    if (f->kind == KIND_NAME && cJSON_IsString(v)) return strlen(v->valuestring) < f->size;
    if (!cJSON_IsNumber(v)) return true;
    if (f->kind == KIND_PID) return v->valueint == 0 || v->valueint > 1;
    return f->kind != KIND_INT || f->most == 0 || (v->valueint >= 0 && v->valueint <= f->most);
}

static const char *misfit(const struct state_field *fields, const cJSON *json)
{
    for (const struct state_field *f = fields; f->name; f++)
        if (!fits(f, cJSON_GetObjectItemCaseSensitive(json, f->name))) return f->name;
    return NULL;
}

static int check_child(const cJSON *child, struct err *err)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(child, "spec.name"));
    bool is_one = name && name[0] && cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(child, "machine.state"));
    const char *wrong = misfit(child_fields, child);
    if (is_one && !wrong) return 0;
    if (!name) name = "";
    return err_set(err, ERR_INPUT, "a child in the state that was handed over is not one: \"%.*s\"%s%s",
                   (int)utf8_cut(name, 40), name, wrong ? ", by its " : "", wrong ? wrong : "");
}

int reexec_check(const cJSON *state, struct err *err)
{
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(state, "format"), *child;
    const cJSON *children = cJSON_GetObjectItemCaseSensitive(state, "children");
    const char *wrong = misfit(self_fields, state);
    if (!cJSON_IsNumber(format) || format->valueint != STATE_FORMAT)
        return err_set(err, ERR_INPUT, "the supervisor before the exec has handed over a state of another format");
    if (!cJSON_IsArray(children)) return err_set(err, ERR_INPUT, "the state that was handed over has no children");
    if (wrong) return err_set(err, ERR_INPUT, "the state that was handed over cannot be taken over, by its %s", wrong);
    cJSON_ArrayForEach(child, children) {
        int rc = check_child(child, err);
        if (rc != 0) return rc;
    }
    return 0;
}

int reexec_adopt_self(struct supervisor *s, const cJSON *state, struct err *err)
{
    int rc = reexec_check(state, err);
    if (rc != 0) return rc;
    const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(state, "program"));
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(state, "version"));
    if (path) self_set(path);
    if (version) snprintf(s->version_before, sizeof s->version_before, "%s", version);
    restore(state, self_fields, s);
    mark(self_fields, s, false);
    if (s->source_file[0]) s->source.file = s->source_file;
    if (s->source_env_file[0]) s->source.env_file = s->source_env_file;
    return 0;
}

static void adopt_line(struct log_stream *stream, const cJSON *json, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    if (text) log_stream_begun(stream, text, strlen(text));
}

/* What is no plain field. */
static void adopt_rest(struct child *c, const cJSON *json)
{
    const cJSON *exit, *exits = cJSON_GetObjectItemCaseSensitive(json, "exits");
    const char *lines = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "lines"));
    int count = 0;
    cJSON_ArrayForEach(exit, exits)
        if (cJSON_IsNumber(exit) && count < CHILD_EXITS_MAX) c->machine.exits_ms[count++] = whole_of(exit->valuedouble);
    if (c->machine.exits_at < (unsigned)count) c->machine.exits_at = (unsigned)count;
    for (size_t len; lines && *lines; lines += len + (lines[len] != 0)) {
        len = strcspn(lines, "\n");
        line_ring_add(&c->lines, lines, len);
    }
    adopt_line(&c->out, json, "begun_out");
    adopt_line(&c->err, json, "begun_err");
}

static int adopt_child(struct supervisor *s, const cJSON *json, struct err *err)
{
    struct child_spec none = {.uid = (uid_t)-1};
    struct child *c = child_new(s, &none);
    if (!c) return err_set(err, ERR_NOMEM, "no memory for a child");
    restore(json, child_fields, c);
    mark(child_fields, c, false);
    const struct child_spec *spec = plan_find(&s->plan, c->spec.name);
    if (!c->running_stop_signal) c->running_stop_signal = c->spec.stop_signal ? c->spec.stop_signal : SIGTERM;
    if (!c->running_stop_timeout_ms) c->running_stop_timeout_ms = c->spec.policy.stop_timeout_ms;
    if (spec && !c->is_leaving) c->spec = *spec;
    int rc = child_resume(c);
    adopt_rest(c, json);
    return rc == 0 ? 0 : err_set(err, ERR_NOMEM, "no memory for %s", c->spec.name);
}

int reexec_adopt_children(struct supervisor *s, const cJSON *state, struct err *err)
{
    const cJSON *child;
    cJSON_ArrayForEach(child, cJSON_GetObjectItemCaseSensitive(state, "children")) {
        int rc = adopt_child(s, child, err);
        if (rc != 0) return rc;
    }
    events_restore(s, cJSON_GetObjectItemCaseSensitive(state, "events"));
    return guardian_resume(s, err);
}
