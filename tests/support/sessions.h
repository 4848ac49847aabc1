/* The client of Logikal with the test in the place of the network: what its sessions ask goes nowhere, and the answers
 * are handed to them by hand. So each turn of it can be looked at. Needs settings_start (settings.h). */
#ifndef LOGIKALD_TESTS_SUPPORT_SESSIONS_H
#define LOGIKALD_TESTS_SUPPORT_SESSIONS_H

#include "services/logikal/client_internal.h"
#include "tests/support/test.h"

struct sessions {
    struct logikal *client;
    struct conf *conf;
    struct buf told; /* by hooks and jobs, in order: "opened 0 t1; done PROJECTS A: 0; " */
    int tokens, tick_rc;
    bool is_cancelled;
};

/* more: lines of the section logikal; nothing is known of siblings unless may_sideways says so for all levels. */
void sessions_open(struct sessions *s, const char *more, enum sideways sideways);
void sessions_close(struct sessions *s);

/* Submits a job at a place written "A/A1 project phase elevation"; its end is told. `object` of a thumbnail is its
 * elevation. */
struct logikal_job *sessions_job(struct sessions *s, enum job_kind kind, const char *place, int64_t weight);
void sessions_place(struct place *p, const char *text);
/* "PHASES A p, PROJECTS A": jobs in this order, each heavier than the one before when it begins with a plus. */
void sessions_submit(struct sessions *s, const char *jobs);
/* A session that is logged in and idle there. */
void sessions_stand(struct sessions *s, int slot, const char *place);

/* What all do that are not closed: "0 POST /projects/select p; 1 idle A p; 2 POST /auth for B". In a buffer that the
 * next call overwrites.
 */
const char *sessions_state(struct sessions *s);
const char *sessions_told(struct sessions *s); /* since the last time */

/* Answers the call of a session: as it hopes; with this status and body; with a fault. */
void sessions_well(struct sessions *s, int slot);
void sessions_say(struct sessions *s, int slot, int status, const char *body);
void sessions_answer(struct sessions *s, int slot, struct http_answer answer, const char *body);
/* dispatch and answers as hoped until this session idles, is closed, or asks for something that begins so. */
void sessions_until(struct sessions *s, int slot, const char *state);

#endif
