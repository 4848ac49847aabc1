/* Where a session stands in the upstream, and the next step from there to somewhere else. Pure: no network, no clock.
 *
 * A session descends: root, directory, directory ..., project, phase, elevation. Deeper places inside the present one
 * can be reached; a sibling of the last component only where the server lets a session go sideways at that level;
 * everything else needs a new session. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_PLACE_H
#define LOGIKALD_SERVICES_LOGIKAL_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#define LOGIKAL_ID_SIZE 256
#define CHAIN_SEPARATOR '\x1f'

enum logikal_level { LEVEL_ROOT, LEVEL_DIRECTORY, LEVEL_PROJECT, LEVEL_PHASE, LEVEL_ELEVATION, LEVEL_COUNT };

struct place {
    char *chain; /* identifiers of the directories from the root down, CHAIN_SEPARATOR between; NULL = the root */
    char project[LOGIKAL_ID_SIZE], phase[LOGIKAL_ID_SIZE], elevation[LOGIKAL_ID_SIZE]; /* "" = above that level */
};

int place_copy(struct place *to, const struct place *from); /* to is overwritten (freed before); -1 without memory */
void place_clear(struct place *p);                          /* to the root */
enum logikal_level place_level(const struct place *p);
bool place_contains(const struct place *outer, const struct place *inner); /* inner is outer, or below it */
/* A place from its parts; NULL or "" for what is not there. -1 when an identifier is too long or without memory. */
int place_set(struct place *p, const char *chain, const char *project, const char *phase, const char *elevation);
/* parent's chain with one more directory, malloc'ed; parent may be NULL. NULL without memory. */
char *chain_append(const char *parent, const char *identifier);

/* May siblings be selected at a level? Indexed by the level. */
enum sideways { SIDEWAYS_UNKNOWN, SIDEWAYS_ALLOWED, SIDEWAYS_REFUSED };

enum step_kind { STEP_HERE, STEP_SELECT, STEP_NEW_SESSION };
struct step {
    enum step_kind kind;
    enum logikal_level level; /* STEP_SELECT: what is selected */
    const char *identifier;   /* its identifier, length bytes of the target's memory */
    size_t length;
    bool is_sideways;
};

/* The next step of a session at `at` on its way to target. */
struct step place_next_step(const struct place *at, const struct place *target,
                            const enum sideways sideways[LEVEL_COUNT]);
/* Does the step: at becomes what it is after it succeeded. -1 without memory. */
int place_take_step(struct place *at, const struct step *step);
/* Number of selects from at to target, or -1 when it takes a new session. */
int place_distance(const struct place *at, const struct place *target, const enum sideways sideways[LEVEL_COUNT]);
int place_depth(const struct place *p); /* the same from the root */

#endif
