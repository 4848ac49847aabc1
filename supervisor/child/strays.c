/* What children that are gone have left behind: processes that went out of their group, have lost their parent, and
 * carry the mark of a start that is over. See strays.h. */
#include "supervisor/child/strays.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "supervisor/child/child.h"
#include "supervisor/child/kin.h"

#define STRAYS_MAX 64
#define STRAY_MS   5000 /* for one to end by itself */

static struct stray {
    pid_t pid;
    int64_t since_ms;
    bool is_told; /* kept by a one-shot that has done its work */
} strays[STRAYS_MAX];

static struct stray *stray_of(pid_t pid)
{
    struct stray *room = NULL;
    for (int i = 0; i < STRAYS_MAX; i++) {
        if (strays[i].pid == pid) return &strays[i];
        if (!room && strays[i].pid == 0) room = &strays[i];
    }
    if (room) *room = (struct stray){.pid = pid};
    return room;
}

/* The number of the start in the environment of one that we started, or that descends from one; 0 = none. */
static int64_t birth_of(const struct supervisor *s, pid_t pid, char instance[CHILD_NAME_SIZE])
{
    char *env, word[sizeof KIN_VARIABLE + UUID_TEXT_SIZE + 2];
    size_t len = process_environment(pid, &env);
    int n = snprintf(word, sizeof word, KIN_VARIABLE "=%s/", s->id);
    const char *at = memmem(env, len, word, (size_t)n);
    const char *name = memmem(env, len, "LOGIKALD_INSTANCE=", 18);
    snprintf(instance, CHILD_NAME_SIZE, "%s", name ? name + 18 : "a child");
    return at ? strtoll(at + n, NULL, 10) : 0;
}

static const struct child *child_of_birth(const struct supervisor *s, int64_t born)
{
    const struct child *c;
    CHILDREN_FOREACH(c, s)
        if (c->born == born) return c;
    return NULL;
}

static void see_to(struct supervisor *s, pid_t pid, int64_t now)
{
    char instance[CHILD_NAME_SIZE], name[PROCESS_NAME_SIZE];
    int64_t born = birth_of(s, pid, instance);
    const struct child *c = born ? child_of_birth(s, born) : NULL;
    if (!born || (c && (c->pid || c->machine.state == CHILD_LINGERING))) return;
    struct stray *stray = stray_of(pid);
    if (!stray) return;
    if (c && c->machine.state == CHILD_DONE && c->machine.is_success) {
        if (!stray->is_told)
            log_warning("%s is done and has left process %d (%s) behind: it goes on until %s is stopped or run again",
                        instance, (int)pid, process_name(pid, name), instance);
        stray->is_told = true;
        return;
    }
    if (!stray->since_ms) {
        log_warning("%s has left process %d (%s) behind: it is ended", instance, (int)pid, process_name(pid, name));
        stray->since_ms = now;
        kill(pid, SIGTERM);
        kill(pid, SIGCONT);
    } else if (now - stray->since_ms >= STRAY_MS) {
        kill(pid, SIGKILL);
    }
}

void strays_sweep(struct supervisor *s)
{
    static pid_t offspring[PROCESS_OFFSPRING_MAX];
    int count = process_offspring(offspring, PROCESS_OFFSPRING_MAX);
    for (int k = 0; k < STRAYS_MAX; k++) {
        bool is_there = false;
        for (int i = 0; i < count; i++) is_there = is_there || offspring[i] == strays[k].pid;
        if (!is_there) strays[k] = (struct stray){0};
    }
    for (int i = 0; i < count; i++)
        if (!kin_is_known(s, offspring[i]) && !process_is_zombie(offspring[i])) see_to(s, offspring[i], mono_ms());
}
