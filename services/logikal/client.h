/* The upstream's client: a bounded pool of Logikal sessions that work off jobs. A job says where it must be done (a
 * place) and what is asked there; the client logs in, descends, asks, retries, goes sideways where the server lets it,
 * and logs out of everything at the end. Which session takes which job is chosen so that few logins and few selects are
 * spent.
 *
 * Single-threaded but for logikal_wake; logikal_run blocks, everything else does not. Jobs may be submitted from the
 * callbacks. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_CLIENT_H
#define LOGIKALD_SERVICES_LOGIKAL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/backoff.h"
#include "conf/text/buf.h"
#include "conf/conf.h"
#include "conf/err.h"
#include "services/logikal/place.h"

enum job_kind {
    JOB_VISIT,       /* only be there */
    JOB_DIRECTORIES, /* list the children of the place */
    JOB_PROJECTS,
    JOB_PHASES,
    JOB_ELEVATIONS,
    JOB_THUMBNAIL, /* of elevation `object` in the selected phase: bytes of an image */
    JOB_PARTS,     /* of the selected elevation: bytes of a SQLite file */
    JOB_DRAWING,   /* of the selected elevation: bytes of an image, larger and with cuts */
    JOB_KIND_COUNT
};

struct logikal_outcome {
    enum err_code code;   /* ERR_NONE: done. ERR_NOT_FOUND: the place or object is gone. ERR_INPUT: the answer cannot be
                             read. ERR_AUTH: refused for good (403). ERR_CONFLICT: locked, by another user as a rule.
                             ERR_CANCELLED. ERR_UPSTREAM, ERR_LIMIT: gave up */
    bool is_nothing;      /* ERR_NONE, of a file: the upstream has none */
    const char *text;     /* what went wrong, where; valid UTF-8, "" = nothing */
    struct buf *body;     /* of thumbnails and drawings; may be stolen */
    const char *type;     /* Content-Type of files */
    const char *warnings; /* of lists: what the upstream warns of, beside the data; valid UTF-8, NULL or "" = nothing */
    int64_t asked_at_s;   /* by the upstream's clock, when the answer was made; ours when it does not tell */
};

/* The trouble that a job has at present; the client's. */
struct logikal_effort {
    struct backoff backoff;
    int64_t since_ms; /* 0 = none */
    int depth;        /* of the step that fails */
    int tries;        /* how often it has failed */
    int renewals;     /* new sessions that the job has cost because of failures */
    bool is_anew, is_second_round, is_postponed;
    int64_t not_before_ms; /* is_postponed */
};

struct logikal_job {
    enum job_kind kind;
    struct place place;
    char object[LOGIKAL_ID_SIZE];
    int64_t weight;     /* among equally near ones the heavier goes first */
    size_t limit_bytes; /* of its answer; 0 = LOGIKAL_MAX_ANSWER_BYTES */
    /* Lists: an element's JSON text; false stops reading and fails the job with ERR_INPUT. restart: a try failed in the
     * middle, forget its elements. */
    bool (*element)(struct logikal_job *job, const char *text, size_t len);
    void (*restart)(struct logikal_job *job);
    /* Parts lists: bytes of the file as they come; false fails the job with ERR_INPUT. restart as for lists. */
    bool (*bytes)(struct logikal_job *job, const char *bytes, size_t len);
    bool (*is_full)(struct logikal_job *job); /* there is no room for bytes now: the upstream has to wait */
    /* The job is the submitter's again (to place_clear and free). */
    void (*done)(struct logikal_job *job, struct logikal_outcome *outcome);
    void *arg;
    struct logikal_effort effort; /* the client's */
    bool is_opened;               /* the client's: the upstream has its project open for files */
    struct logikal_job *next;     /* the client's */
};

struct logikal_hooks {
    bool (*is_cancelled)(void *arg);         /* asked several times a second */
    int (*tick)(void *arg, struct err *err); /* likewise; negative stops the run with err */
    void (*turn)(void *arg);                 /* after each look at the network, and after logikal_wake */
    /* So that somebody can log out what we leave behind, and knows of logins that were on their way: login_begins comes
     * before the call of a slot (0 to the most sessions less one), then session_opened, or login_failed. */
    void (*login_begins)(void *arg, int slot);
    void (*login_failed)(void *arg, int slot);
    void (*session_opened)(void *arg, int slot, const char *token);
    void (*session_closed)(void *arg, const char *token);
    void (*learned)(void *arg, enum logikal_level level, enum sideways what);
    void *arg;
};

struct logikal_stats {
    int64_t calls, logins, logouts, retries, failures;
    int64_t sessions_unknown; /* logins without an answer: the server may have made a session that nobody can end */
    int peak_sessions;
    char last_fault[256]; /* of the last call that was tried again, "" = none */
};

struct logikal;

/* What has been tried in vain for the longest time, and for how long it has; NULL = all goes well. Lasts until the next
 * call. */
const char *logikal_trouble(const struct logikal *l, int64_t *ms);

/* Reads the LOGIKAL_* settings; NULL and err when one is missing. sideways: what is known of the server (LEVEL_COUNT
 * entries), used when the setting says auto. */
struct logikal *logikal_new(const struct conf *conf, const struct logikal_hooks *hooks,
                            const enum sideways sideways[LEVEL_COUNT], struct err *err);
/* Cancels what is not done (their done is called), logs out of every session (10 s at most), releases all. */
void logikal_free(struct logikal *l);

void logikal_submit(struct logikal *l, struct logikal_job *job);
/* What is asked from now on is asked by new sessions: those that are open are logged out of when they are idle next. */
void logikal_renew(struct logikal *l);
/* Cancels the jobs that no session has begun. */
void logikal_drop_pending(struct logikal *l);
/* Keeps count sessions at hand, as deep as place, in the hope of jobs there. */
void logikal_open_ahead(struct logikal *l, const struct place *place, int count);

/* Works until there is no job left: 0. Negative when the run must end: -ERR_CANCELLED, -ERR_AUTH (login refused),
 * -ERR_UPSTREAM (unreachable beyond the budget, or no progress for stall_timeout_s), or tick's. All jobs are then done,
 * with that code. */
int logikal_run(struct logikal *l, struct err *err);

/* Ends the run: what is under way is over, what comes will only be cancelled. */
void logikal_fail(struct logikal *l, enum err_code code, const char *text);
void logikal_wake(struct logikal *l);            /* may be called from another thread */
bool logikal_is_over(const struct logikal *l);   /* the run is ending, jobs that come now will only be cancelled */
size_t logikal_pending(const struct logikal *l); /* jobs not done */
bool logikal_has_one_session(const struct logikal *l); /* the server gives the same to all logins; NULL: not known */
const struct logikal_stats *logikal_stats(const struct logikal *l);
int logikal_max_sessions(const struct logikal *l);

#endif
