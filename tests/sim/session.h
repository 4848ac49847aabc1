/* Sessions of the upstream: a token and the place in the tree where the session stands. A session goes one way down;
 * what it may select from where it stands is decided here. */
#ifndef LOGIKAL_SIM_SESSION_H
#define LOGIKAL_SIM_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/world/hash.h"
#include "tests/sim/world/shape.h"

/* The deepest thing selected; IN_ROOT is after the login. */
enum place { IN_ROOT, IN_DIRECTORY, IN_PROJECT, IN_PHASE, IN_ELEVATION };

struct session {
    struct session *next; /* in its bucket */
    char token[GUID_SIZE];
    enum place place;
    uint32_t at[KIND_COUNT]; /* what is selected of each kind, NO_INDEX beyond place */
    int64_t expires_at_ms;   /* monotonic; 0 = never */
    int64_t busy_until_ms;   /* calls of one session are served one after the other */
    bool is_expired;         /* ended by us, and its owner does not know yet */
    bool is_used;            /* its owner has come back with the token */
    unsigned calls;          /* counted by a lie about tokens */
    unsigned below;          /* so many invented directories below the one selected, by a lie about depth */
};

#define SESSION_BUCKETS 1024

struct sessions {
    struct session *buckets[SESSION_BUCKETS];
    unsigned open, open_peak; /* neither logged out nor expired */
    uint64_t expired;         /* ended by us, by their age or a fault */
    unsigned unnoticed;       /* expired, and nobody came back with the token since */
};

void sessions_free(struct sessions *s);
struct session *session_open(struct sessions *s, int64_t expires_at_ms);
unsigned sessions_used(const struct sessions *s); /* open ones whose owner has come back with the token */
/* The session with this token, or NULL. Finding out that it has expired ends it: then the owner knows. */
struct session *session_find(struct sessions *s, const char *token, int64_t now_ms);
struct session *session_any(const struct sessions *s, int64_t now_ms); /* one that is open, or NULL */
void session_close(struct sessions *s, struct session *session);       /* logged out */
void session_expire(struct sessions *s, struct session *session);
void session_expire_due(struct sessions *s, int64_t now_ms); /* INT64_MAX: all of them */

/* Drops the sessions that expired unnoticed: they no longer count as leaked. */
void sessions_forget_expired(struct sessions *s);

void session_return(struct session *session); /* to the root */
void session_enter(struct session *session, enum kind kind, uint32_t index);
/* Back to the directory that the project was in. */
void session_leave_project(struct session *session);

#endif
