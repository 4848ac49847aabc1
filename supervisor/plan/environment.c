/* A child's environment: see environment.h. */
#include "supervisor/plan/environment.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/settings.h"

/* Said to the supervisor by whoever started it; its children get their own. */
static const char *const private_names[] = {
    "NOTIFY_SOCKET",     "LISTEN_FDS",         "LISTEN_PID",          "LISTEN_FDNAMES",    "WATCHDOG_USEC",
    "WATCHDOG_PID",      "LOGIKALD_NOTIFY_FD", "LOGIKALD_SUPERVISED", "LOGIKALD_INSTANCE", "LOGIKALD_PREVIOUS_PID",
    "LOGIKALD_STATE_FD",
};

static bool is_private(const char *name)
{
    for (size_t i = 0; i < sizeof private_names / sizeof *private_names; i++)
        if (strcmp(private_names[i], name) == 0) return true;
    return false;
}

static bool is_foreign_secret(const char *name, unsigned users)
{
    int id = setting_by_env(name);
    return id >= 0 && settings[id].is_secret && !(settings[id].users & users);
}

static bool reserve(struct environment *e)
{
    if (e->count + 1 < e->room) return true;
    int room = e->room ? e->room * 2 : 64;
    char **list = reallocarray(e->list, (size_t)room, sizeof *list);
    if (!list) return false;
    e->list = list;
    e->room = room;
    return true;
}

static void add(struct environment *e, char *entry)
{
    if (!entry || !reserve(e)) {
        free(entry);
        e->failed = true;
        return;
    }
    e->list[e->count++] = entry;
    e->list[e->count] = NULL;
}

static int find(const struct environment *e, const char *name, size_t name_len)
{
    for (int i = 0; i < e->count; i++)
        if (strncmp(e->list[i], name, name_len) == 0 && e->list[i][name_len] == '=') return i;
    return -1;
}

void environment_start(struct environment *e, char *const *from, unsigned users)
{
    *e = (struct environment){0};
    for (; from && *from; from++) {
        char name[128];
        size_t len = strcspn(*from, "=");
        bool is_short = len < sizeof name;
        snprintf(name, sizeof name, "%.*s", is_short ? (int)len : 0, *from);
        if (is_short && (is_private(name) || is_foreign_secret(name, users))) continue;
        add(e, strdup(*from));
    }
}

void environment_hide(struct environment *e, const struct conf *conf)
{
    for (int i = 0; i < conf_secret_name_count(conf); i++) {
        const char *name = conf_secret_name(conf, i);
        int at = conf_is_secret_name(conf, name) && setting_by_env(name) < 0 ? find(e, name, strlen(name)) : -1;
        if (at < 0) continue;
        free(e->list[at]);
        e->list[at] = e->list[--e->count];
        e->list[e->count] = NULL;
    }
}

void environment_put(struct environment *e, const char *entry)
{
    int at = find(e, entry, strcspn(entry, "="));
    if (at < 0) {
        add(e, strdup(entry));
        return;
    }
    char *copy = strdup(entry);
    if (!copy) {
        e->failed = true;
        return;
    }
    free(e->list[at]);
    e->list[at] = copy;
}

void environment_set(struct environment *e, const char *name, const char *fmt, ...)
{
    char value[4096], entry[4352];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    int m = snprintf(entry, sizeof entry, "%s=%s", name, value);
    if (n < 0 || n >= (int)sizeof value || m >= (int)sizeof entry)
        e->failed = true;
    else
        environment_put(e, entry);
}

void environment_free(struct environment *e)
{
    for (int i = 0; i < e->count; i++) free(e->list[i]);
    free(e->list);
    *e = (struct environment){0};
}
