/* What the listings of a run have left out (table sync_missing), and the holds on it (sync_holds). The applies of
 * sync_tree.h and sync_project.h write what is missing; the judge of a run counts it here, looks a second time, and
 * marks it or holds it. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_MISSING_H
#define LOGIKALD_SERVICES_STORE_SYNC_MISSING_H

#include <stdbool.h>
#include <stdint.h>
#include <libpq-fe.h>

#include "conf/err.h"

struct db;
struct lease;

enum { MISSING_DIRECTORIES, MISSING_PROJECTS, MISSING_PHASES, MISSING_ELEVATIONS, MISSING_TYPES };
extern const char *const missing_types[MISSING_TYPES]; /* "directory" ... */

/* Of each type: living rows, those that would go (with all that lies below what is missing), those that this run has
 * made. */
struct missing_counts {
    int64_t living[MISSING_TYPES], gone[MISSING_TYPES], fresh[MISSING_TYPES];
    int64_t default_phases; /* of the living ones: every world has the same */
    bool root_is_empty;     /* no directory of the first level is left */
};

/* Takes what is to be judged by this run: what it has found missing itself, or (is_all) whatever is missing but for
 * what another running one has found. What was decided otherwise meanwhile is forgotten. How many, or negative. */
int64_t missing_claim(struct db *db, int64_t run, bool is_all, struct err *err);
/* Notes one project as missing: it was searched for everywhere. */
int missing_add_project(struct db *db, int64_t run, int64_t project_id, struct err *err);
int missing_count(struct db *db, int64_t run, struct missing_counts *out, struct err *err);

/* The places to look at a second time, those with most missing first: kind ('d' children of a directory, 'p' projects
 * of one, 'h' phases of a project, 'e' elevations of a phase), row id of the place (0 = root), chain, project's GUID,
 * phase's identifier, how many are missing there. Each with something that was missing once only; with_held: also those
 * with what was held so far. NULL on an error. */
PGresult *missing_places(struct db *db, int64_t run, bool with_held, int limit, struct err *err);
/* A place was listed again: what ids (an array literal) shows is there after all, and its project will be read again;
 * the rest is confirmed. How many are there after all, or negative. */
int64_t missing_looked(struct db *db, int64_t run, char kind, int64_t place, const char *ids, struct err *err);

/* Marks what was judged, but for what should have been looked at a second time and could not be. */
int missing_mark(struct db *db, const struct lease *lease, int64_t run, int64_t marked[MISSING_TYPES], struct err *err);
/* Holds what was judged: the hold's id in *hold (an open one of the same rows goes on). */
int missing_hold(struct db *db, const struct lease *lease, int64_t run, const char *reason,
                 const int64_t gone[MISSING_TYPES], int64_t *hold, struct err *err);
/* Open holds of which nothing is left are released, those in which something came back are counted anew. */
int missing_tidy_holds(struct db *db, struct err *err);

struct hold_state {
    int64_t id; /* of the oldest open one; 0 = none */
    int64_t rows[MISSING_TYPES];
    char reason[16];
};
/* What is held now, over all open holds. */
int missing_held(struct db *db, struct hold_state *out, struct err *err);

#endif
