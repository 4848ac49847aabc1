/* The plan of children: see plan.h. The built-in roles are one table. */
#include "supervisor/plan/plan.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/system/account.h"

/* A row for each built-in role that the supervisor runs. */
static const struct role_row {
    const char *role;
    unsigned user;
    enum setting_id count; /* SET_COUNT = exactly one, without a number in its name */
    bool is_essential, is_overlapping, has_listener, waits_for_programs, waits_for_migrate, is_gated;
} role_rows[] = {
    {.role = "web",
     .user = USER_WEB,
     .count = SET_WEB_COUNT,
     .is_essential = true,
     .is_overlapping = true,
     .has_listener = true},
    {.role = "migrate", .user = USER_TOOL, .count = SET_COUNT, .waits_for_programs = true},
    {.role = "worker",
     .user = USER_WORKER,
     .count = SET_WORKER_COUNT,
     .is_overlapping = true,
     .waits_for_programs = true,
     .waits_for_migrate = true,
     .is_gated = true},
    {.role = "beat",
     .user = USER_BEAT,
     .count = SET_COUNT,
     .is_overlapping = true,
     .waits_for_programs = true,
     .is_gated = true},
};

#define ROLE_MIGRATE "migrate"

static const char *const separators = ", \t\r\n";

static bool is_listed(const char *only, const char *name)
{
    size_t len = strlen(name), part;
    bool is_empty = true;
    for (const char *p = only ? only : ""; *(p += strspn(p, separators)); p += part) {
        part = strcspn(p, separators);
        is_empty = false;
        if (part == len && strncmp(p, name, len) == 0) return true;
    }
    return is_empty;
}

static void policy_from_conf(struct child_policy *p, const struct conf *conf)
{
    p->restart = RESTART_ALWAYS;
    p->start_timeout_ms = conf_int(conf, SET_START_TIMEOUT) * 1000;
    p->stop_timeout_ms = conf_int(conf, SET_STOP_TIMEOUT) * 1000;
    p->stable_ms = conf_int(conf, SET_STABLE_TIME) * 1000;
    p->backoff_base_ms = conf_int(conf, SET_BACKOFF_BASE);
    p->backoff_cap_ms = conf_int(conf, SET_BACKOFF_CAP);
    p->loop_window_ms = conf_int(conf, SET_CRASH_LOOP_WINDOW) * 1000;
    p->loop_count = (int)conf_int(conf, SET_CRASH_LOOP_COUNT);
}

static struct child_spec *plan_add(struct plan *plan, const char *name, struct err *err)
{
    if (plan->count == PLAN_CHILDREN_MAX) {
        err_set(err, ERR_LIMIT, "more than %d children: lower a count, or remove a program", PLAN_CHILDREN_MAX);
        return NULL;
    }
    if (strlen(name) >= CHILD_NAME_SIZE) {
        err_set(err, ERR_CONFIG, "program name \"%s\" is too long: at most %d bytes", name, CHILD_NAME_SIZE - 1);
        return NULL;
    }
    if (plan_find(plan, name)) {
        err_set(err, ERR_CONFIG, "two children are named \"%s\": names must differ, also from the roles'", name);
        return NULL;
    }
    struct child_spec *spec = &plan->specs[plan->count++];
    memset(spec, 0, sizeof *spec);
    memcpy(spec->name, name, strlen(name));
    memcpy(spec->role, name, strlen(name));
    spec->uid = (uid_t)-1;
    return spec;
}

static int add_role(struct plan *plan, const struct role_row *row, const struct conf *conf, struct err *err)
{
    int count = row->count == SET_COUNT ? 1 : (int)conf_int(conf, row->count);
    for (int i = 0; i < count; i++) {
        char name[CHILD_NAME_SIZE];
        if (row->count == SET_COUNT)
            snprintf(name, sizeof name, "%s", row->role);
        else
            snprintf(name, sizeof name, "%s.%d", row->role, i);
        struct child_spec *spec = plan_add(plan, name, err);
        if (!spec) return -ERR_CONFIG;
        snprintf(spec->role, sizeof spec->role, "%s", row->role);
        spec->users = row->user;
        spec->stop_signal = SIGTERM;
        spec->is_essential = row->is_essential;
        spec->is_overlapping = row->is_overlapping;
        spec->has_listener = row->has_listener;
        spec->waits_for_programs = row->waits_for_programs;
        spec->waits_for_migrate = row->waits_for_migrate;
        policy_from_conf(&spec->policy, conf);
        spec->readiness = READINESS_FD;
        if (strcmp(row->role, ROLE_MIGRATE) == 0) {
            spec->readiness = READINESS_EXIT;
            spec->policy.restart = RESTART_ON_FAILURE;
            spec->policy.start_timeout_ms = 0; /* a large table may take its time */
            continue;
        }
        spec->watchdog_ms = conf_int(conf, SET_WATCHDOG) * 1000;
        spec->memory_soft_bytes = conf_int(conf, SET_MEMORY_SOFT);
        spec->memory_hard_bytes = conf_int(conf, SET_MEMORY_HARD);
    }
    return 0;
}

static int add_program(struct plan *plan, const struct program *p, const struct conf *conf, struct err *err)
{
    struct child_spec *spec = plan_add(plan, p->name, err);
    if (!spec) return -ERR_CONFIG;
    if (account_check(p, err) != 0) {
        err_prefix(err, "program \"%s\" (line %d)", p->name, p->line);
        return -ERR_CONFIG;
    }
    spec->program = p;
    spec->stop_signal = p->stop_signal ? p->stop_signal : SIGTERM;
    spec->is_essential = p->is_essential;
    spec->readiness = p->ready == READY_NONE     ? READINESS_NONE
                      : p->ready == READY_EXIT   ? READINESS_EXIT
                      : p->ready == READY_NOTIFY ? READINESS_PATH
                                                 : READINESS_PROBE;
    spec->watchdog_ms = p->watchdog_s * (int64_t)1000;
    spec->is_not_autostart = p->is_not_autostart;
    spec->uid = p->user && geteuid() == 0 ? account_uid(p->user) : (uid_t)-1;
    policy_from_conf(&spec->policy, conf);
    spec->policy.restart = p->restart;
    if (p->ready == READY_EXIT) spec->policy.start_timeout_ms = 0; /* its work may take its time */
    if (p->start_timeout_s) spec->policy.start_timeout_ms = p->start_timeout_s * (int64_t)1000;
    if (p->stop_timeout_s) spec->policy.stop_timeout_ms = p->stop_timeout_s * (int64_t)1000;
    return 0;
}

static bool is_redis_set(const struct conf *conf)
{
    return conf_is_set(conf, SET_REDIS_URL) || conf_is_set(conf, SET_REDIS_HOST);
}

static bool program_runs(const struct program *p, bool is_gate_on)
{
    return !p->is_skipped && (!p->gate || is_gate_on);
}

/* A name in depends_on must be a role or a program of the file, though it need not run now. */
static bool is_known(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < sizeof role_rows / sizeof *role_rows; i++)
        if (strcmp(role_rows[i].role, name) == 0) return true;
    for (int i = 0; i < conf_program_count(conf); i++)
        if (strcmp(conf_program(conf, i)->name, name) == 0) return true;
    return false;
}

int plan_check_only(const char *only, const struct conf *conf, struct err *err)
{
    char name[CHILD_NAME_SIZE];
    size_t part;
    for (const char *p = only ? only : ""; *(p += strspn(p, separators)); p += part) {
        part = strcspn(p, separators);
        snprintf(name, sizeof name, "%.*s", (int)part, p);
        if (part >= sizeof name || !is_known(conf, name))
            return err_set(err, ERR_CONFIG,
                           "LOGIKALD_ROLES names \"%s\", which is neither a role (web, migrate, worker, beat) nor a "
                           "program of the configuration file",
                           name);
    }
    return 0;
}

static int check_depends(const struct plan *plan, const struct conf *conf, struct err *err)
{
    for (int i = 0; i < plan->count; i++) {
        const struct program *p = plan->specs[i].program;
        for (char **d = p ? p->depends_on : NULL; d && *d; d++)
            if (!is_known(conf, *d))
                return err_set(err, ERR_CONFIG,
                               "line %d: program \"%s\" depends on \"%s\", which is neither a program nor a role",
                               p->line, p->name, *d);
    }
    /* Whoever is free of what is left may start; when nobody is and some are left, they wait for each other. */
    bool is_placed[PLAN_CHILDREN_MAX] = {false};
    for (int placed = 0; placed < plan->count;) {
        int before = placed;
        for (int i = 0; i < plan->count; i++) {
            bool is_free = !is_placed[i];
            for (int j = 0; j < plan->count && is_free; j++)
                if (!is_placed[j] && spec_depends_on(&plan->specs[i], &plan->specs[j])) is_free = false;
            if (!is_free) continue;
            is_placed[i] = true;
            placed++;
        }
        if (placed > before) continue;
        for (int i = 0; i < plan->count; i++)
            if (!is_placed[i])
                return err_set(err, ERR_CONFIG, "\"%s\" depends on itself through depends_on: break the circle",
                               plan->specs[i].name);
    }
    return 0;
}

void plan_copy(struct plan *to, const struct plan *from)
{
    memcpy(to, from, offsetof(struct plan, specs) + (size_t)from->count * sizeof *from->specs);
}

int plan_from_conf(struct plan *plan, const struct conf *conf, const char *only, struct err *err)
{
    memset(plan, 0, offsetof(struct plan, specs));
    plan->is_gate_on = conf_bool(conf, SET_BACKGROUND_SYNC);
    bool has_redis = is_redis_set(conf);
    if (!plan->is_gate_on)
        snprintf(plan->note, sizeof plan->note, "Background sync is disabled, skipping worker and beat");
    else if (!has_redis)
        snprintf(plan->note, sizeof plan->note,
                 "Background sync is enabled but Redis is not configured: set REDIS_URL or REDIS_HOST; worker and beat "
                 "are not started");
    for (int i = 0; i < conf_program_count(conf); i++) {
        const struct program *p = conf_program(conf, i);
        if (!program_runs(p, plan->is_gate_on) || !is_listed(only, p->name)) continue;
        if (add_program(plan, p, conf, err)) return -ERR_CONFIG;
    }
    for (size_t i = 0; i < sizeof role_rows / sizeof *role_rows; i++) {
        const struct role_row *row = &role_rows[i];
        if (row->is_gated && (!plan->is_gate_on || !has_redis)) continue;
        if (strcmp(row->role, ROLE_MIGRATE) == 0 && !conf_is_set(conf, SET_DATABASE_URL)) continue;
        if (!is_listed(only, row->role)) continue;
        if (add_role(plan, row, conf, err)) return -ERR_CONFIG;
    }
    return check_depends(plan, conf, err);
}

const struct child_spec *plan_find(const struct plan *plan, const char *name)
{
    for (int i = 0; i < plan->count; i++)
        if (strcmp(plan->specs[i].name, name) == 0) return &plan->specs[i];
    return NULL;
}

/* True for a program that waits for a role: such a one comes after the roles, not before them. */
static bool follows_roles(const struct program *p)
{
    for (char **d = p->depends_on; d && *d; d++)
        for (size_t i = 0; i < sizeof role_rows / sizeof *role_rows; i++)
            if (strcmp(role_rows[i].role, *d) == 0) return true;
    return false;
}

bool spec_depends_on(const struct child_spec *a, const struct child_spec *b)
{
    if (a->program) {
        for (char **d = a->program->depends_on; d && *d; d++)
            if (strcmp(*d, b->role) == 0) return true;
        return false;
    }
    if (a->waits_for_migrate && strcmp(b->role, ROLE_MIGRATE) == 0) return true;
    return a->waits_for_programs && b->program && !b->program->gate && !follows_roles(b->program);
}

bool spec_is_patient(const struct child_spec *a, const struct child_spec *b)
{
    return a->program || !b->program;
}

bool spec_stops_before(const struct child_spec *a, const struct child_spec *b)
{
    if (a->program) return spec_depends_on(a, b);
    return b->program && !follows_roles(b->program);
}

enum spec_change spec_compare(const struct child_spec *before, const struct child_spec *after,
                              const enum setting_id *changed, int changed_count)
{
    if (before->program && after->program)
        return program_equal(before->program, after->program) ? SPEC_SAME : SPEC_REPLACE;
    if (before->program || after->program) return SPEC_REPLACE;
    if (before->watchdog_ms != after->watchdog_ms) return SPEC_REPLACE; /* it reads WATCHDOG_USEC at its start */
    enum spec_change change = SPEC_SAME;
    for (int i = 0; i < changed_count; i++) {
        const struct setting *s = &settings[changed[i]];
        if (!(s->users & after->users)) continue;
        if (s->reload == SETTING_REPLACE) return SPEC_REPLACE;
        if (s->reload == SETTING_LIVE) change = SPEC_SIGNAL;
    }
    return change;
}
