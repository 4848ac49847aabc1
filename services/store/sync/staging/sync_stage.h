/* Where the upstream's objects wait until a whole can be applied: tables that COPY fills in batches as the lists stream
 * in. Each row carries the number of its stage, which nobody else has, and of the listing that it came from; a listing
 * that failed is forgotten by its number. Nothing of it hangs on the session: each statement may go to PostgreSQL by
 * another one. What a killed run leaves is removed by the next. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_STAGE_H
#define LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/text/buf.h"
#include "conf/err.h"

struct db;
struct lease;

enum stage_table { STAGE_DIRECTORIES, STAGE_PROJECTS, STAGE_PHASES, STAGE_ELEVATIONS, STAGE_TABLE_COUNT };

/* Told of a row that PostgreSQL does not take, when a group with it was refused and each was written alone. */
typedef void (*stage_refused_fn)(void *arg, const char *type, const char *id, const char *why);

struct stage {
    struct db *db;
    int64_t id; /* 0 = not open */
    int64_t batch_rows[STAGE_TABLE_COUNT];
    int64_t batches[STAGE_TABLE_COUNT]; /* sent so far */
    struct buf rows[STAGE_TABLE_COUNT]; /* in COPY's text format, not sent yet */
    int64_t count[STAGE_TABLE_COUNT];
    int64_t sent[STAGE_TABLE_COUNT]; /* since the table was emptied */
    bool takes_all;                  /* the sync is forced: what is listed counts, also what it leaves out */
    int64_t lost;                    /* rows that could not even be staged: nothing that is not there is missing */
    stage_refused_fn refused;        /* may be NULL */
    /* Of something else that people should know, once for each key in a run (NULL: each time); may be NULL. */
    void (*noted)(void *arg, const char *key, const char *text);
    void *refused_arg;
};

struct stage_directory {
    const char *identifier, *name, *chain, *parent; /* parent's identifier; NULL = a child of the root */
    int level;
};
struct stage_project {
    const char *directory;        /* identifier */
    const char *id, *upstream_id; /* the key, and the upstream's spelling */
    const char *name, *job_number, *offer_number, *person_in_charge;
    int64_t created_s, changed_s;                 /* 0 = NULL */
    bool is_deleted, is_estimated, has_estimated; /* which stands for false when it is absent */
};
struct stage_phase {
    const char *id, *upstream_id, *name, *description;
};
struct stage_elevation {
    const char *phase; /* its key */
    const char *id, *upstream_id, *version_id, *name, *description, *type, *state;
    const char *automatic_description, *system_description, *model_description, *user_description;
    int64_t created_s, changed_s;
    const double *amount, *width, *height; /* NULL = absent */
    bool is_recycled;
};

/* holder: the lease of the run, by which others know that the stage is in use. */
int stage_open(struct stage *s, struct db *db, const struct lease *holder, int64_t batch_rows, struct err *err);
void stage_close(struct stage *s); /* its rows too, if the connection lives; may be called twice */
/* Removes rows whose stage is closed: a process that stood still may have added them afterwards. */
int stage_sweep(struct db *db, struct err *err);
/* Inside the transaction that applies: 0 = all that was staged is there until the commit; -ERR_CONFLICT = it is not,
 * and nothing may be concluded from what is missing. */
int stage_check(const struct stage *s, struct err *err);

/* All return 0 or -ERR_DB (the batch could not be sent), -ERR_NOMEM. */
int stage_add_directory(struct stage *s, int64_t listing, const struct stage_directory *d, struct err *err);
int stage_add_project(struct stage *s, int64_t listing, const struct stage_project *p, struct err *err);
int stage_add_phase(struct stage *s, int64_t listing, const struct stage_phase *p, struct err *err);
int stage_add_elevation(struct stage *s, int64_t listing, const struct stage_elevation *e, struct err *err);
int stage_flush(struct stage *s, enum stage_table table, struct err *err);

/* Forgets the rows of a listing. */
int stage_forget(struct stage *s, enum stage_table table, int64_t listing, struct err *err);
/* Forgets the rows of all listings; only when nothing is waiting. */
int stage_clear(struct stage *s, struct err *err);

#endif
