/* One project: its phases and elevations into the database in one transaction, then its thumbnails and parts lists,
 * each stored as it comes. Several projects may be in work at once on the sessions of one run. */
#ifndef LOGIKALD_SERVICES_SYNC_PROJECT_PROJECT_H
#define LOGIKALD_SERVICES_SYNC_PROJECT_PROJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/store/sync/staging/sync_project.h"
#include "services/sync/run/run.h"

#define PROJECT_LABEL_SIZE (LOGIKAL_ID_SIZE + 420)

struct phase_state {
    char *id;        /* its key */
    char *spelled;   /* as the upstream spells it, NULL = like the key */
    int64_t listing; /* its elevations' listing */
    bool is_current; /* in the upstream's list, or in the database when that is not asked */
    bool is_started, is_done;
};

struct project_work {
    struct sync_run *run;
    int64_t project_id;
    char guid[LOGIKAL_ID_SIZE];    /* its key */
    char spelled[LOGIKAL_ID_SIZE]; /* as the upstream spells it */
    char *chain;
    int64_t changed_s;           /* 0 = unknown */
    const int64_t *changed_from; /* where it will be found when the rows are applied; NULL = changed_s is it */
    bool needs_phases, needs_elevations, needs_files;

    struct lease lease;
    bool is_held; /* the lease is this work's to let go */
    int64_t open_jobs;
    struct phase_state *phases;
    size_t phase_count, phase_cap;
    int64_t phases_listing, phases_at_s, elevations_at_s;
    bool has_phases;             /* their list came whole */
    bool is_gone;                /* the upstream has no such project there */
    bool is_busy;                /* it is locked in the upstream, by another user as a rule: left to the next sync */
    int64_t refused;             /* objects that could not be read */
    int64_t failed;              /* listings */
    bool is_cancelled;           /* some of its jobs were never done: nothing is applied */
    bool is_listed;              /* rows are applied, files are next */
    int64_t file_phase, file_id; /* position in the files that are wanted */
    bool has_all_files;          /* no more pages */
    bool has_new_parts;          /* lists that nobody has read yet */
    int64_t files_failed;
    struct project_counts counts;
    char error[300];
    void (*done)(struct project_work *work); /* over; the owner frees it with project_work_free */
    void *owner;
    int64_t tag; /* the owner's */
};

/* Fills a new work; what it needs is set by the caller before project_work_start. NULL without memory. */
struct project_work *project_work_new(struct sync_run *run, int64_t project_id, const char *guid, const char *chain);
void project_work_free(struct project_work *w);

/* Takes the project's lease and submits the first jobs: 0 (done will be called, maybe at once), -ERR_CONFLICT when the
 * project is being synced by somebody else, or what ends the run. */
int project_work_start(struct project_work *w, struct err *err);

/* files.c: submits jobs for files that are wanted, as long as few are open; false when there are none any more. */
bool project_files_go_on(struct project_work *w);
/* project.c: a job of the work is over; goes on with what is next. */
void project_work_job_done(struct project_work *w);
/* Something in it is locked: told once. */
void project_work_busy(struct project_work *w, const char *text);
/* Its name and GUID, for messages. */
const char *project_work_label(const struct project_work *w, char *out, size_t size);

#endif
