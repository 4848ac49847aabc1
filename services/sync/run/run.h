/* One run of the sync, whatever its scope: its database connection, its lease, its upstream client, its stage, its
 * counts, and how it tells of its progress. The rooms tree, project and files do their work with it; the tasks open it
 * and make a result of what it counted. */
#ifndef LOGIKALD_SERVICES_SYNC_RUN_RUN_H
#define LOGIKALD_SERVICES_SYNC_RUN_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/text/buf.h"
#include "conf/err.h"
#include "conf/text/utf8.h"
#include "ipc/task.h"
#include "services/feed/nudge.h"
#include "services/logikal/client.h"
#include "services/store/db/db.h"
#include "services/store/lease.h"
#include "services/store/sync/sync_missing.h"
#include "services/store/sync/staging/sync_stage.h"
#include "services/store/sync/upstream_server.h"

#define TREE_SCOPE   "tree"
#define LEASE_TTL_MS 30000
#define HELD_MAX     64 /* leases of projects at once */
/* A name that people gave, for "%.*s": not all of a long one. */
#define NAME_OF(name) (int)utf8_cut(name, 200), name

struct sync_counts {
    int64_t directories, projects, phases, elevations;                                 /* seen and stored */
    int64_t directories_written, projects_written, phases_written, elevations_written; /* new or changed */
    int64_t projects_skipped;                                                          /* nothing had moved */
    int64_t projects_busy; /* locked in the upstream, or left to somebody else who syncs them now */
    int64_t thumbnails, thumbnails_failed;
    int64_t parts_lists, parts_failed, parts_invalid;
    int64_t vanished, vanished_of[MISSING_TYPES]; /* marked as gone */
    int64_t withheld[MISSING_TYPES];              /* unknown ones that stand in the place of known ones */
    int64_t objects_refused;                      /* upstream objects that could not be read */
    int64_t places_unchecked;                     /* not listed whole: what is missing there is not known */
    int64_t failed_directories, failed_projects, failed_phases;
};

struct sync_run {
    struct task_ctx *ctx;
    struct db *db;
    struct stage stage;
    struct logikal *client;
    struct filing *filing; /* made with the first file */
    int64_t held_bytes;    /* of parts lists that are on their way here */
    void *leading;         /* the one that may go on when these are too many */
    struct framer *framer; /* kept for the next of them, or NULL */
    struct lease lease;    /* of the scope */
    struct lease *held[HELD_MAX];
    int64_t id; /* in sync_runs; 0 = none */
    bool is_forced;
    bool is_dry; /* it writes nothing but what its own connection sees: sync_preview.h */
    bool with_thumbnails, with_parts;
    int64_t started_ms;
    int64_t next_listing;
    char levels[UPSTREAM_LEVELS + 1];
    struct sync_counts counts;
    int64_t helps;           /* the run that this one takes part in; 0 = it is one of its own */
    int64_t helps_seen_ms;   /* when that one was last seen alive */
    int64_t projects_helped; /* by other workers */
    int sessions_unknown;    /* logins that died with their process */
    bool has_rows;           /* directories, projects, phases and elevations are through; what follows are files */
    struct buf told;         /* see run_first */
    struct buf errors;       /* what went wrong, one line each; the first ones only */
    int64_t error_count;
    struct hold_state hold; /* what is not believed, id 0 = nothing */
    struct err fatal;       /* what ends the run: the database, a lost lease */
    int64_t current, total, shown_ms;
    char doing[160];
    char trouble[256];       /* as told last */
    struct feed_nudger feed; /* of those who wait for changes */
    int64_t rows_told;
};

/* What a run does: "all" types of the tree, one type's name, those that are "due", the "directories" alone, a
 * "project", a "directory", "help". is_forced: nothing is skipped. */
struct run_ask {
    const char *scope, *asks;
    bool is_forced;
    bool is_dry; /* nothing is written; without files */
};

/* Opens the database, takes the lease of the scope and begins a run: 0; -ERR_CONFLICT when somebody else has the scope
 * (the database stays open in run->db, to wait and look); else negative. The client comes with run_connect. */
int run_open(struct sync_run *run, struct task_ctx *ctx, const struct run_ask *ask, struct err *err);
/* Makes the client, and logs out what a process that died has left at the server. */
int run_connect(struct sync_run *run, struct err *err);
/* Logs out, ends the run in sync_runs with its result (NULL = none), releases the lease, closes everything. Any state
 * is fine; may be called twice. */
void run_close(struct sync_run *run, const char *state, const cJSON *result);

/* Works until the client has no job left, and every file is stored: 0, or what ended it. */
int run_jobs(struct sync_run *run, struct err *err);
/* From callbacks: keeps the first error and makes run_jobs end with it. Returns whether all is well (rc >= 0). */
/* The largest parts list that is taken, by both settings that say so. */
int64_t run_parts_limit(const struct sync_run *run);
/* The thread that stores files, started when it is first asked for. NULL and err when it cannot be. */
struct filing *run_filing(struct sync_run *run, struct err *err);
bool run_check(struct sync_run *run, int rc, const struct err *err);
void run_note_error(struct sync_run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Is it the first time in this run that this is said? run_was_said asks without saying. */
bool run_first(struct sync_run *run, const char *what);
bool run_was_said(const struct sync_run *run, const char *what);
/* What the upstream warns of, beside an answer that went well: each text once a run. NULL is fine. */
void run_note_warning(struct sync_run *run, const char *where, const char *warnings);
/* What a helper has noted: one line each. NULL is fine. */
void run_note_errors(struct sync_run *run, const char *lines);
/* For waiting outside of run_jobs: renews the leases, shows the progress, looks whether to stop. 0, -ERR_CANCELLED ...
 */
int run_tick(struct sync_run *run, struct err *err);
/* After rows were stored: brings their delivery to webhooks about. */
void run_tell_feed(struct sync_run *run);
void run_progress(struct sync_run *run, int64_t current, int64_t total, const char *doing);

/* The lease of a project while it is worked on: 0, -ERR_CONFLICT when another one has it, -ERR_DB. For the scope of
 * that project itself nothing is taken. */
int run_hold_project(struct sync_run *run, const char *guid, struct lease *lease, struct err *err);
void run_let_project(struct sync_run *run, struct lease *lease);
/* "kind:name", also of a name that does not fit. */
void run_scope(char out[LEASE_NAME_SIZE], const char *kind, const char *name);

int64_t run_duration_ms(const struct sync_run *run);

#endif
