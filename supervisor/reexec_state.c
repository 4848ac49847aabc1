/* The supervisor's state as JSON, for an exec: see reexec.h. Fields are named once, in tables. */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/log.h"
#include "supervisor/child.h"
#include "supervisor/children.h"
#include "supervisor/guardian.h"
#include "supervisor/probe.h"
#include "supervisor/reexec.h"

#define STATE_FORMAT 1

enum kind { KIND_INT, KIND_INT64, KIND_BOOL, KIND_TEXT, KIND_FD };
struct field {
    const char *name;
    size_t offset, size;
    enum kind kind;
};
#define FIELD(of, member, kind)                                                                                        \
    {                                                                                                                  \
#member, offsetof(struct of, member), sizeof(((struct of *)0)->member), kind                                   \
    }

static const struct field self_fields[] = {
    FIELD(supervisor, id, KIND_TEXT),
    FIELD(supervisor, lock_fd, KIND_FD),
    FIELD(supervisor, listen_fd, KIND_FD),
    FIELD(supervisor, control_fd, KIND_FD),
    FIELD(supervisor, guardian_fd, KIND_FD),
    FIELD(supervisor, guardian_pid, KIND_INT),
    FIELD(supervisor, started_ms, KIND_INT64),
    FIELD(supervisor, orphans_reaped, KIND_INT64),
    FIELD(supervisor, reloads, KIND_INT64),
    FIELD(supervisor, reloads_refused, KIND_INT64),
    FIELD(supervisor, reloaded_ms, KIND_INT64),
    FIELD(supervisor, births, KIND_INT64),
    {0},
};

static const struct field child_fields[] = {
    FIELD(child, spec.name, KIND_TEXT),
    FIELD(child, spec.role, KIND_TEXT),
    FIELD(child, spec.users, KIND_INT),
    FIELD(child, spec.uid, KIND_INT),
    FIELD(child, spec.readiness, KIND_INT),
    FIELD(child, spec.stop_signal, KIND_INT),
    FIELD(child, spec.watchdog_ms, KIND_INT64),
    FIELD(child, spec.is_overlapping, KIND_BOOL),
    FIELD(child, spec.policy.restart, KIND_INT),
    FIELD(child, spec.policy.start_timeout_ms, KIND_INT64),
    FIELD(child, spec.policy.stop_timeout_ms, KIND_INT64),
    FIELD(child, machine.state, KIND_INT),
    FIELD(child, machine.is_wanted, KIND_BOOL),
    FIELD(child, machine.is_crash_loop, KIND_BOOL),
    FIELD(child, machine.is_success, KIND_BOOL),
    FIELD(child, machine.why, KIND_INT),
    FIELD(child, machine.deadline_ms, KIND_INT64),
    FIELD(child, machine.ready_ms, KIND_INT64),
    FIELD(child, machine.starts, KIND_INT64),
    FIELD(child, machine.failures, KIND_INT),
    FIELD(child, machine.backoff.attempt, KIND_INT),
    FIELD(child, pid, KIND_INT),
    FIELD(child, group, KIND_INT),
    FIELD(child, previous_pid, KIND_INT),
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
    FIELD(child, running_stop_signal, KIND_INT),
    FIELD(child, running_stop_timeout_ms, KIND_INT64),
    FIELD(child, machine.kills, KIND_INT),
    FIELD(child, machine.asked_ms, KIND_INT64),
    FIELD(child, exited_wall_ms, KIND_INT64),
    FIELD(child, outgrown_ms, KIND_INT64),
    FIELD(child, is_held, KIND_BOOL),
    FIELD(child, is_leaving, KIND_BOOL),
    FIELD(child, is_successor, KIND_BOOL),
    FIELD(child, is_outdated, KIND_BOOL),
    FIELD(child, owes_hup, KIND_BOOL),
    FIELD(child, reasons[0], KIND_TEXT),
    FIELD(child, reasons[1], KIND_TEXT),
    FIELD(child, reasons[2], KIND_TEXT),
    {0},
};

static void save(cJSON *json, const struct field *fields, const void *from)
{
    for (const struct field *f = fields; f->name; f++) {
        const void *at = (const char *)from + f->offset;
        switch (f->kind) {
        case KIND_INT:
        case KIND_FD: cJSON_AddNumberToObject(json, f->name, *(const int *)at); break;
        case KIND_INT64: cJSON_AddNumberToObject(json, f->name, (double)*(const int64_t *)at); break;
        case KIND_BOOL: cJSON_AddBoolToObject(json, f->name, *(const bool *)at); break;
        case KIND_TEXT: cJSON_AddStringToObject(json, f->name, at); break;
        }
    }
}

/* What another version did not write stays as it is. */
static void restore(const cJSON *json, const struct field *fields, void *to)
{
    for (const struct field *f = fields; f->name; f++) {
        void *at = (char *)to + f->offset;
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, f->name);
        switch (f->kind) {
        case KIND_INT:
        case KIND_FD:
            if (cJSON_IsNumber(v)) *(int *)at = v->valueint;
            break;
        case KIND_INT64:
            if (cJSON_IsNumber(v)) *(int64_t *)at = (int64_t)v->valuedouble;
            break;
        case KIND_BOOL:
            if (cJSON_IsBool(v)) *(bool *)at = cJSON_IsTrue(v);
            break;
        case KIND_TEXT:
            if (cJSON_IsString(v)) snprintf(at, f->size, "%s", v->valuestring);
            break;
        }
    }
}

cJSON *reexec_save(const struct supervisor *s)
{
    const struct child *c;
    cJSON *state = cJSON_CreateObject();
    cJSON *children = state ? cJSON_AddArrayToObject(state, "children") : NULL;
    if (!children) return state;
    cJSON_AddNumberToObject(state, "format", STATE_FORMAT);
    save(state, self_fields, s);
    CHILDREN_FOREACH(c, s)
    {
        cJSON *child = cJSON_CreateObject();
        if (!child) continue;
        cJSON_AddItemToArray(children, child);
        save(child, child_fields, c);
    }
    return state;
}

static void mark(const struct field *fields, const void *of, bool is_kept)
{
    for (const struct field *f = fields; f->name; f++) {
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

int reexec_adopt_self(struct supervisor *s, const cJSON *state, struct err *err)
{
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(state, "format");
    if (!cJSON_IsNumber(format) || format->valueint != STATE_FORMAT)
        return err_set(err, ERR_INPUT, "the supervisor before the exec has handed over a state of another format");
    restore(state, self_fields, s);
    mark(self_fields, s, false);
    return 0;
}

static int adopt_child(struct supervisor *s, const cJSON *json, struct err *err)
{
    struct child_spec none = {.uid = (uid_t)-1};
    struct child *c = child_new(s, &none);
    if (!c) return err_set(err, ERR_NOMEM, "no memory for a child");
    restore(json, child_fields, c);
    mark(child_fields, c, false);
    const struct child_spec *spec = plan_find(&s->plan, c->spec.name);
    if (spec && !c->is_leaving) c->spec = *spec;
    return child_resume(c) == 0 ? 0 : err_set(err, ERR_NOMEM, "no memory for %s", c->spec.name);
}

int reexec_adopt_children(struct supervisor *s, const cJSON *state, struct err *err)
{
    const cJSON *child;
    cJSON_ArrayForEach(child, cJSON_GetObjectItemCaseSensitive(state, "children"))
    {
        int rc = adopt_child(s, child, err);
        if (rc != 0) return rc;
    }
    return guardian_resume(s, err);
}
