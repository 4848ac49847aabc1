/* Which object types are due, and in which order: pure functions of the settings and of ages that the database gave.
 * See due.h. */
#include "services/sync/due.h"

#include <string.h>

bool due_is_yes(enum due due)
{
    return due >= DUE_NEVER_SYNCED;
}

const char *due_reason(enum due due)
{
    static const char *const reasons[] = {"not due yet",
                                          "disabled",
                                          "waits for its next attempt",
                                          "depends on itself: depends_on makes a cycle",
                                          "what it depends on was never synced",
                                          "never synced before",
                                          "its interval has passed",
                                          "older than its staleness threshold",
                                          "some of what is stored is older than its staleness threshold",
                                          "tried again after a failure"};
    return reasons[due];
}

static bool has_passed(int64_t age_s, int minutes)
{
    return age_s < 0 || age_s >= (int64_t)minutes * 60;
}

enum due due_of(const struct object_config *c)
{
    if (!c->is_enabled) return DUE_DISABLED;
    if (c->retry_count > 0) {
        if (c->retry_in_s == 0) return DUE_RETRY;
        if (c->retry_in_s > 0) return DUE_WAITS;
    }
    /* With the retries used up the interval counts from the last attempt. */
    if (c->has_failed && c->since_attempt_s >= 0)
        return has_passed(c->since_attempt_s, c->interval_min) ? DUE_INTERVAL : DUE_WAITS;
    if (c->since_sync_s < 0) return DUE_NEVER_SYNCED;
    if (has_passed(c->since_sync_s, c->interval_min)) return DUE_INTERVAL;
    if (c->stale_min > 0 && has_passed(c->since_sync_s, c->stale_min)) return DUE_STALE;
    return DUE_NOT;
}

/* Is name one of the comma separated words of list? */
static bool list_has(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = list; *p;) {
        p += strspn(p, ", ");
        size_t word = strcspn(p, ", ");
        if (word == len && strncmp(p, name, len) == 0) return true;
        p += word;
    }
    return false;
}

bool due_depends(const struct object_config *configs, int n, const char *type, const char *on)
{
    const struct object_config *seen[OBJECT_TYPES_MAX];
    int count = 0, at = 0;
    for (int i = 0; i < n; i++)
        if (strcmp(configs[i].type, type) == 0) seen[count++] = &configs[i];
    for (; at < count; at++) {
        if (list_has(seen[at]->depends_on, on)) return true;
        for (int i = 0; i < n; i++) {
            bool is_new = list_has(seen[at]->depends_on, configs[i].type);
            for (int k = 0; k < count && is_new; k++) is_new = seen[k] != &configs[i];
            if (is_new) seen[count++] = &configs[i];
        }
    }
    return false;
}

/* Is everything that c depends on (of the known types) in its place already? */
static bool is_ready(const struct object_config *configs, int n, const struct object_config *c, const bool placed[])
{
    for (int i = 0; i < n; i++)
        if (!placed[i] && &configs[i] != c && list_has(c->depends_on, configs[i].type)) return false;
    return !list_has(c->depends_on, c->type);
}

static bool goes_before(const struct object_config *a, const struct object_config *b)
{
    return a->priority < b->priority || (a->priority == b->priority && strcmp(a->type, b->type) < 0);
}

/* What it depends on has never been synced, and is not synced in this run. */
static bool is_blocked(const struct object_config *configs, int n, const struct object_config *c,
                       const struct due_entry *entries, int count)
{
    for (int i = 0; i < n; i++) {
        if (!list_has(c->depends_on, configs[i].type) || configs[i].since_sync_s >= 0) continue;
        bool is_coming = false;
        for (int k = 0; k < count; k++) is_coming = is_coming || (entries[k].config == i && due_is_yes(entries[k].due));
        if (!is_coming) return true;
    }
    return false;
}

/* By its own row, and by what the mode adds to it. A pending retry keeps its delay. */
static enum due due_in(const struct object_config *c, enum due_mode mode)
{
    enum due due = due_of(c);
    if (due == DUE_DISABLED || due_is_yes(due)) return due;
    if (mode == DUE_EVERYTHING) return DUE_INTERVAL;
    bool is_old = c->stale_min > 0 && c->oldest_s >= (int64_t)c->stale_min * 60;
    return mode == DUE_SAFETY_NET && is_old && c->retry_count == 0 ? DUE_OLD_ROWS : due;
}

int due_plan(const struct object_config *configs, int n, enum due_mode mode, struct due_entry out[OBJECT_TYPES_MAX])
{
    bool placed[OBJECT_TYPES_MAX] = {false};
    int count = 0;
    for (;;) {
        int next = -1;
        for (int i = 0; i < n; i++)
            if (!placed[i] && is_ready(configs, n, &configs[i], placed) &&
                (next < 0 || goes_before(&configs[i], &configs[next])))
                next = i;
        if (next < 0) break;
        enum due due = due_in(&configs[next], mode);
        if (due_is_yes(due) && is_blocked(configs, n, &configs[next], out, count)) due = DUE_BLOCKED;
        placed[next] = true;
        out[count++] = (struct due_entry){.config = next, .due = due};
    }
    for (int i = 0; i < n; i++)
        if (!placed[i]) out[count++] = (struct due_entry){.config = i, .due = DUE_CYCLE};
    return count;
}
