/* Where a session stands in the upstream, and the next step from there to somewhere else. See place.h. */
#include "services/logikal/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void place_clear(struct place *p)
{
    free(p->chain);
    *p = (struct place){0};
}

int place_set(struct place *p, const char *chain, const char *project, const char *phase, const char *elevation)
{
    place_clear(p);
    if (chain && *chain && !(p->chain = strdup(chain))) return -1;
    const char *from[] = {project, phase, elevation};
    char *to[] = {p->project, p->phase, p->elevation};
    for (int i = 0; i < 3; i++) {
        if (!from[i]) continue;
        size_t len = strlen(from[i]);
        if (len >= LOGIKAL_ID_SIZE) return -1;
        memcpy(to[i], from[i], len + 1);
    }
    return 0;
}

int place_copy(struct place *to, const struct place *from)
{
    return place_set(to, from->chain, from->project, from->phase, from->elevation);
}

enum logikal_level place_level(const struct place *p)
{
    if (p->elevation[0]) return LEVEL_ELEVATION;
    if (p->phase[0]) return LEVEL_PHASE;
    if (p->project[0]) return LEVEL_PROJECT;
    return p->chain ? LEVEL_DIRECTORY : LEVEL_ROOT;
}

static const char *chain_of(const struct place *p)
{
    return p->chain ? p->chain : "";
}

bool place_contains(const struct place *outer, const struct place *inner)
{
    const char *o = chain_of(outer), *i = chain_of(inner);
    size_t len = strlen(o);
    if (!outer->project[0])
        return len == 0 || (strncmp(o, i, len) == 0 && (i[len] == '\0' || i[len] == CHAIN_SEPARATOR));
    return strcmp(o, i) == 0 && strcmp(outer->project, inner->project) == 0 &&
           (!outer->phase[0] || strcmp(outer->phase, inner->phase) == 0) &&
           (!outer->elevation[0] || strcmp(outer->elevation, inner->elevation) == 0);
}

char *chain_append(const char *parent, const char *identifier)
{
    char *chain = NULL;
    int n = parent && *parent ? asprintf(&chain, "%s%c%s", parent, CHAIN_SEPARATOR, identifier)
                              : asprintf(&chain, "%s", identifier);
    return n < 0 ? NULL : chain;
}

/* Bytes of the chain's last component, from its end. */
static size_t last_start(const char *chain)
{
    const char *separator = strrchr(chain, CHAIN_SEPARATOR);
    return separator ? (size_t)(separator + 1 - chain) : 0;
}

static struct step select_directory(const char *target, size_t start, bool is_sideways)
{
    const char *identifier = target + start;
    return (struct step){.kind = STEP_SELECT,
                         .level = LEVEL_DIRECTORY,
                         .identifier = identifier,
                         .length = strcspn(identifier, "\x1f"),
                         .is_sideways = is_sideways};
}

static struct step select_id(enum logikal_level level, const char *identifier, bool is_sideways)
{
    return (struct step){.kind = STEP_SELECT,
                         .level = level,
                         .identifier = identifier,
                         .length = strlen(identifier),
                         .is_sideways = is_sideways};
}

static const struct step new_session = {.kind = STEP_NEW_SESSION};

static struct step next_directory(const struct place *at, const struct place *target, enum sideways sideways)
{
    const char *a = chain_of(at), *t = chain_of(target);
    size_t len = strlen(a);
    if (at->project[0]) return new_session;
    if (len == 0) return select_directory(t, 0, false);
    if (strncmp(a, t, len) == 0 && t[len] == CHAIN_SEPARATOR) return select_directory(t, len + 1, false);
    size_t start = last_start(a);
    if (sideways == SIDEWAYS_REFUSED || strncmp(a, t, start) != 0 || t[start] == '\0') return new_session;
    return select_directory(t, start, true);
}

/* The step at one level of identifiers: have, want, and whether at stands deeper than this level. */
static struct step next_id(enum logikal_level level, const char *have, const char *want, bool is_deeper,
                           enum sideways sideways)
{
    if (!*want) return new_session; /* upwards */
    if (!*have) return select_id(level, want, false);
    if (is_deeper || sideways == SIDEWAYS_REFUSED) return new_session;
    return select_id(level, want, true);
}

struct step place_next_step(const struct place *at, const struct place *target,
                            const enum sideways sideways[LEVEL_COUNT])
{
    if (strcmp(chain_of(at), chain_of(target)) != 0) return next_directory(at, target, sideways[LEVEL_DIRECTORY]);
    if (strcmp(at->project, target->project) != 0)
        return next_id(LEVEL_PROJECT, at->project, target->project, at->phase[0], sideways[LEVEL_PROJECT]);
    if (strcmp(at->phase, target->phase) != 0)
        return next_id(LEVEL_PHASE, at->phase, target->phase, at->elevation[0], sideways[LEVEL_PHASE]);
    if (strcmp(at->elevation, target->elevation) != 0)
        return next_id(LEVEL_ELEVATION, at->elevation, target->elevation, false, sideways[LEVEL_ELEVATION]);
    return (struct step){.kind = STEP_HERE};
}

static int take_directory(struct place *at, const struct step *step)
{
    char *identifier = strndup(step->identifier, step->length), *chain = NULL;
    if (identifier && step->is_sideways && at->chain) {
        char *parent = strndup(at->chain, last_start(at->chain));
        size_t len = parent ? strlen(parent) : 0;
        if (len) parent[len - 1] = '\0';
        if (parent) chain = chain_append(parent, identifier);
        free(parent);
    } else if (identifier) {
        chain = chain_append(at->chain, identifier);
    }
    free(identifier);
    if (!chain) return -1;
    free(at->chain);
    at->chain = chain;
    return 0;
}

int place_take_step(struct place *at, const struct step *step)
{
    char *to = step->level == LEVEL_PROJECT ? at->project : step->level == LEVEL_PHASE ? at->phase : at->elevation;
    if (step->level == LEVEL_DIRECTORY) return take_directory(at, step);
    if (step->length >= LOGIKAL_ID_SIZE) return -1;
    memcpy(to, step->identifier, step->length);
    to[step->length] = '\0';
    return 0;
}

int place_depth(const struct place *p)
{
    int depth = p->chain != NULL;
    for (const char *c = chain_of(p); *c; c++) depth += *c == CHAIN_SEPARATOR;
    return depth + (p->project[0] != 0) + (p->phase[0] != 0) + (p->elevation[0] != 0);
}

int place_distance(const struct place *at, const struct place *target, const enum sideways sideways[LEVEL_COUNT])
{
    struct step step = place_next_step(at, target, sideways);
    if (step.kind == STEP_HERE) return 0;
    if (step.kind == STEP_NEW_SESSION) return -1;
    return place_depth(target) - place_depth(at) + step.is_sideways;
}
