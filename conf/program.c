/* A program of the configuration file: reads its group, compares, releases. The keys are one table. */
#include "conf/program.h"

#include <libconfig.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/conf_internal.h"
#include "conf/program_keys.h"

static int expected(config_setting_t *s, const char *what, struct err *err)
{
    return err_set(err, ERR_CONFIG, "%s of a program expects %s", config_setting_name(s), what);
}

static int read_str(char **out, config_setting_t *s, struct conf_names *used, struct err *err)
{
    const char *text = config_setting_get_string(s);
    if (!text) return expected(s, "text in quotes", err);
    *out = conf_expand(text, used, err);
    return *out ? 0 : -ERR_CONFIG;
}

static int read_list(char ***out, config_setting_t *s, struct conf_names *used, struct err *err)
{
    int type = config_setting_type(s), count = config_setting_length(s);
    if ((type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST) || count > 256)
        return expected(s, "a list of texts [ \"a\", \"b\" ]", err);
    *out = calloc((size_t)count + 1, sizeof **out);
    if (!*out) return err_set(err, ERR_NOMEM, "no memory for the configuration");
    for (int i = 0; i < count; i++) {
        const char *text = config_setting_get_string_elem(s, i);
        if (!text) return expected(s, "a list of texts [ \"a\", \"b\" ]", err);
        (*out)[i] = conf_expand(text, used, err);
        if (!(*out)[i]) return -ERR_CONFIG;
    }
    return 0;
}

static int read_number(int64_t *out, const struct program_key *key, config_setting_t *s, struct err *err)
{
    int type = config_setting_type(s);
    *out = config_setting_get_int64(s);
    if ((type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64) && *out >= key->min && *out <= key->max) return 0;
    return err_set(err, ERR_CONFIG, "%s of a program expects a whole number from %lld to %lld", key->name,
                   (long long)key->min, (long long)key->max);
}

static int read_umask(int *out, config_setting_t *s, struct err *err)
{
    const char *text = config_setting_get_string(s);
    char *end = NULL;
    long mask = text ? strtol(text, &end, 8) : -1;
    if (!text || end == text || *end || mask < 0 || mask > 0777) return expected(s, "octal text, as \"027\"", err);
    *out = (int)mask;
    return 0;
}

static int read_signal(int *out, config_setting_t *s, struct err *err)
{
    const char *text = config_setting_get_string(s);
    if (text && strncasecmp(text, "SIG", 3) == 0) text += 3;
    for (int sig = 1; text && sig < NSIG; sig++) {
        const char *name = sigabbrev_np(sig);
        if (name && strcasecmp(name, text) == 0) {
            *out = sig;
            return 0;
        }
    }
    return expected(s, "the name of a signal, as \"TERM\"", err);
}

static int read_ready(enum program_ready *out, char **target, bool is_probe_only, config_setting_t *s,
                      struct conf_names *used, struct err *err)
{
    char *text = NULL;
    int rc = read_str(&text, s, used, err);
    if (rc != 0 || !text) return rc;
    rc = expected(s,
                  is_probe_only ? "tcp:HOST:PORT, unix:PATH, http:HOST:PORT/PATH or command:WORDS"
                                : "none, exit, notify, tcp:HOST:PORT, unix:PATH, http:HOST:PORT/PATH or command:WORDS",
                  err);
    for (int i = is_probe_only ? READY_TCP : READY_NONE; i <= READY_COMMAND; i++) {
        size_t len = strlen(program_ready_words[i]);
        bool has_target = program_ready_words[i][len - 1] == ':';
        if (has_target ? strncmp(text, program_ready_words[i], len) != 0 || !text[len]
                       : strcmp(text, program_ready_words[i]) != 0)
            continue;
        *out = (enum program_ready)i;
        free(*target);
        *target = has_target ? strdup(text + len) : NULL;
        rc = has_target && !*target ? err_set(err, ERR_NOMEM, "no memory for the configuration") : 0;
        break;
    }
    free(text);
    return rc;
}

static int read_restart(enum program_restart *out, config_setting_t *s, struct err *err)
{
    const char *text = config_setting_get_string(s);
    for (int i = 0; text && i < 3; i++)
        if (strcmp(text, program_restart_words[i]) == 0) {
            *out = (enum program_restart)i;
            return 0;
        }
    return expected(s, "\"always\", \"on-failure\" or \"never\"", err);
}

static int read_key(struct program *p, const struct program_key *key, config_setting_t *s, struct conf_names *used,
                    struct err *err)
{
    void *member = (char *)p + key->offset;
    int64_t number;
    int rc;
    switch (key->kind) {
    case KEY_STR: return read_str(member, s, used, err);
    case KEY_LIST: return read_list(member, s, member == &p->environment ? NULL : used, err);
    case KEY_UMASK: return read_umask(member, s, err);
    case KEY_SIGNAL: return read_signal(member, s, err);
    case KEY_READY:
        return member == &p->live ? read_ready(&p->live, &p->live_target, true, s, used, err)
                                  : read_ready(&p->ready, &p->ready_target, false, s, used, err);
    case KEY_RESTART: return read_restart(member, s, err);
    case KEY_I64: return read_number(member, key, s, err);
    case KEY_INT:
        rc = read_number(&number, key, s, err);
        if (rc == 0) *(int *)member = (int)number;
        return rc;
    case KEY_BOOL:
    case KEY_NOT: break;
    }
    if (config_setting_type(s) != CONFIG_TYPE_BOOL) return expected(s, "true or false", err);
    *(bool *)member = (config_setting_get_bool(s) != 0) == (key->kind == KEY_BOOL);
    return 0;
}

static bool is_name(const char *name)
{
    static const char *const reserved[] = {"web", "worker", "beat", "migrate", "supervisor", "logikald", "all", NULL};
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    for (const char *const *r = reserved; *r; r++)
        if (strcmp(name, *r) == 0) return false;
    return name[0] && strlen(name) <= 32 && strspn(name, allowed) == strlen(name);
}

static int check_whole(const struct program *p, struct err *err)
{
    if (!p->name || !is_name(p->name))
        return err_set(err, ERR_CONFIG,
                       "a program needs a name of 1 to 32 of a-z, 0-9, - and _ that is not a role's own");
    if (!p->command || !p->command[0] || !p->command[0][0])
        return err_set(err, ERR_CONFIG, "program %s needs a command, as [ \"redis-server\", \"--port\", \"0\" ]",
                       p->name);
    for (char **e = p->environment; e && *e; e++)
        if (!strchr(*e, '=') || **e == '=')
            return err_set(err, ERR_CONFIG, "environment of program %s expects \"NAME=value\"", p->name);
    for (char **u = p->unless_env; u && *u; u++)
        if (setting_by_env(*u) < 0)
            return err_set(err, ERR_CONFIG, "unless_env of program %s: %s is not the environment name of a setting",
                           p->name, *u);
    if (p->watchdog_s && p->ready != READY_NOTIFY)
        return err_set(err, ERR_CONFIG, "watchdog_s of program %s needs readiness = \"notify\": pings come that way",
                       p->name);
    if (p->ready == READY_EXIT && p->restart == RESTART_ALWAYS)
        return err_set(err, ERR_CONFIG,
                       "program %s is ready when it has exited: it needs restart = \"on-failure\" or \"never\"",
                       p->name);
    if (p->gate && strcmp(p->gate, "background_sync") != 0)
        return err_set(err, ERR_CONFIG, "gate of program %s expects \"background_sync\"", p->name);
    return 0;
}

int program_read(struct program *p, config_setting_t *group, struct conf_names *used, struct err *err)
{
    *p = (struct program){.umask = -1,
                          .stop_signal = SIGTERM,
                          .ready_interval_ms = 50,
                          .live_interval_s = 10,
                          .live_failures = 3,
                          .rlimit_nofile = -1,
                          .rlimit_core_bytes = -1,
                          .rlimit_as_bytes = -1,
                          .line = (int)config_setting_source_line(group)};
    if (!config_setting_is_group(group)) return err_set(err, ERR_CONFIG, "programs expects groups { name = ...; }");
    int count = config_setting_length(group);
    for (int i = 0; i < count; i++) {
        config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
        const struct program_key *key = program_keys, *end = program_keys + PROGRAM_KEYS;
        while (key < end && strcmp(key->name, config_setting_name(s)) != 0) key++;
        p->line = (int)config_setting_source_line(s);
        if (key == end) return err_set(err, ERR_CONFIG, "unknown key %s of a program", config_setting_name(s));
        int rc = read_key(p, key, s, used, err);
        if (rc != 0) return rc;
    }
    p->line = (int)config_setting_source_line(group);
    if (p->ready == READY_UNSAID) p->ready = p->restart == RESTART_ALWAYS ? READY_NONE : READY_EXIT;
    return check_whole(p, err);
}

static void list_free(char **list)
{
    for (char **p = list; p && *p; p++) free(*p);
    free(list);
}

void program_free(struct program *p)
{
    for (size_t i = 0; i < PROGRAM_KEYS; i++) {
        void *member = (char *)p + program_keys[i].offset;
        if (program_keys[i].kind == KEY_STR) free(*(char **)member);
        if (program_keys[i].kind == KEY_LIST) list_free(*(char ***)member);
    }
    free(p->ready_target);
    free(p->live_target);
    *p = (struct program){0};
}

static bool str_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool list_equal(char **a, char **b)
{
    if (!a || !b) return (!a || !*a) && (!b || !*b);
    while (*a && *b)
        if (strcmp(*a++, *b++) != 0) return false;
    return !*a && !*b;
}

static bool key_equal(const struct program_key *key, const struct program *a, const struct program *b)
{
    const void *x = (const char *)a + key->offset, *y = (const char *)b + key->offset;
    switch (key->kind) {
    case KEY_STR: return str_equal(*(char *const *)x, *(char *const *)y);
    case KEY_LIST: return list_equal(*(char **const *)x, *(char **const *)y);
    case KEY_I64: return memcmp(x, y, sizeof(int64_t)) == 0;
    case KEY_BOOL:
    case KEY_NOT: return memcmp(x, y, sizeof(bool)) == 0;
    default: return memcmp(x, y, sizeof(int)) == 0;
    }
}

bool program_equal(const struct program *a, const struct program *b)
{
    for (size_t i = 0; i < PROGRAM_KEYS; i++)
        if (!key_equal(&program_keys[i], a, b)) return false;
    return str_equal(a->ready_target, b->ready_target) && str_equal(a->live_target, b->live_target) &&
           a->is_skipped == b->is_skipped;
}
