/* Applying one project from the stage: its phases, its elevations and its cursor in one transaction, so that a reader
 * sees the project as it was or as it is. Guarded by the lease of whoever syncs it. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_PROJECT_H
#define LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_PROJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <libpq-fe.h>

#include "conf/err.h"

struct db;
struct lease;
struct stage;

struct project_apply {
    const struct stage *stage;
    int64_t project_id;
    int64_t run;               /* that it belongs to, for what is missing */
    int64_t changed_s;         /* the project's changedDate as of the listing that led here; 0 = unknown */
    int64_t phases_listing;    /* 0 = phases were not listed */
    int64_t phases_at_s;       /* when, by the upstream's clock */
    const char *listings;      /* array literal of the numbers of the elevation listings that went well; NULL = none */
    const char *phases_listed; /* array literal of the phases whose elevations could all be read: what is not among the
                                  listings is missing; NULL = none */
    int64_t elevations_at_s;   /* when the first of them was asked */
    bool phases_are_whole;     /* every phase could be read: what was not seen is missing */
    bool elevations_are_whole; /* every phase of the project was listed and read */
    const char *error;         /* what went wrong, NULL = nothing */
    bool singly;               /* project_apply's own: a group was refused, each row is written alone */
};
struct project_counts {
    int64_t phases, phases_written, phases_twice; /* twice: in two ways in one list */
    int64_t elevations, elevations_written;
    int64_t doubles;  /* elevations that stay in another project, see sync_doubles.h */
    int64_t twice;    /* elevations that are listed in two ways, and stored in one */
    int64_t withheld; /* unknown elevations in the place of known ones: not stored, see sync_exchange.h */
    int64_t refused;  /* by PostgreSQL, each told to the stage */
};

int project_apply(struct db *db, const struct lease *lease, const struct project_apply *apply,
                  struct project_counts *counts, struct err *err);
/* In a transaction: writes the elevations that were staged as the listing of this number (row id of the project) below
 * zero. 0 or -ERR_DB. */
int project_apply_claims(const struct stage *stage, const char *project, struct err *err);
/* Notes a failure that left nothing to apply. */
int project_note_failure(struct db *db, int64_t project_id, const char *text, struct err *err);
/* Its files are complete as of the elevations that are stored. */
int project_note_files(struct db *db, int64_t project_id, struct err *err);

/* The keys of a project's phases as they are stored, and the upstream's spelling of them. NULL on an error. */
PGresult *project_phases(struct db *db, int64_t project_id, struct err *err);
/* The upstream's spelling of a project's identifier, malloc'ed; "" = that of the key. NULL on an error. */
char *project_spelling(struct db *db, int64_t project_id, struct err *err);

#endif
