/* What pool.c (which connection, who waits), pool_conn.c (one of them) and pool_answer.c (what is answered) share. */
#ifndef LOGIKALD_SERVICES_STORE_DB_POOL_INTERNAL_H
#define LOGIKALD_SERVICES_STORE_DB_POOL_INTERNAL_H

#include <sys/queue.h>

#include "conf/backoff.h"
#include "services/store/db/pool.h"
#include "services/store/db/pool_dial.h"
#include "services/store/db/db_session.h"

#define POOL_MAX         64
#define POOL_PIPELINE    64   /* statements in flight on one connection */
#define POOL_WAITING_MAX 4096 /* calls that wait for a connection */
#define POOL_QUERIES_MAX 512  /* different statements of the program */

struct pool_call {
    TAILQ_ENTRY(pool_call) link;
    const struct query *query;
    int query_id;
    pool_fn fn;
    void *arg;
    int64_t asked_us;
    PGresult *result;
    int moves;        /* from behind one that waits */
    bool is_ghost;    /* stands for one that went elsewhere */
    bool is_late;     /* no connection was free in time */
    bool is_led;      /* something of ours is in the pipeline before it: the settings, or its PREPARE */
    bool is_repeated; /* sent once more after its prepared statement was gone */
    int undone;       /* so often PostgreSQL has undone it to get out of a deadlock */
    int n;
    const char *values[]; /* and the bytes they point to */
};
TAILQ_HEAD(pool_calls, pool_call);

enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_READY };

struct pool_conn {
    struct pool *pool;
    enum conn_state state;
    PGconn *pg;
    struct pool_dial *dial; /* while connecting */
    char *sql;              /* makes the settings in each transaction; NULL = the session has them */
    struct event *read, *write;
    struct pool_calls calls; /* in flight, in order */
    int in_flight, slow_in_flight, patient_in_flight;
    int64_t since_ms; /* of the state, or of the last thing that happened on it */
    bool is_prepared[POOL_QUERIES_MAX];
    unsigned char carried[POOL_QUERIES_MAX]; /* of each statement, in flight (POOL_PIPELINE at most) */
};

struct pool {
    struct event_base *base;
    PQconninfoOption *options;
    struct db_session_want want;
    char application[64], schema[64];
    int64_t timeout_ms;
    int size;
    bool is_up;
    bool is_down;       /* the last attempt failed: queries fail at once (neither up nor down: the first attempt) */
    bool is_unprepared; /* something between us and PostgreSQL loses prepared statements */
    bool is_pooled;     /* as was last seen */
    char why[256];
    int64_t refused_ms; /* when a connection could not be made; 0 = never */
    struct pool_conn *conns[POOL_MAX];
    struct pool_calls waiting, failed; /* failed: told in the next turn of the loop */
    int waiting_count;
    struct event *tick, *retry, *turn, *watch;
    int64_t answered_ms[POOL_QUERIES_MAX]; /* when each statement was last answered */
    struct backoff backoff;
    pool_state_fn state_fn;
    void *state_arg;
    const struct query *queries[POOL_QUERIES_MAX];
    int query_count;
    struct pool_stats stats;
};

/* ---- pool_choose.c ---- */
enum choice { CHOICE_TAKE, CHOICE_WAIT };
/* The connection for a call, which may have to be opened first; or the call waits. */
enum choice pool_choose(struct pool *p, const struct pool_call *call, struct pool_conn **chosen);
void pool_rescue(struct pool *p);       /* what stands behind a statement that waits goes back to the waiting ones */
bool pool_open_another(struct pool *p); /* pool.c */

/* ---- pool_conn.c ---- */
void conn_open(struct pool_conn *c);                        /* starts connecting */
int conn_send(struct pool_conn *c, struct pool_call *call); /* 0: it is in flight; -1: the connection is broken */
void conn_close(struct pool_conn *c);                       /* what is in flight stays in c->calls */

/* ---- pool_answer.c ---- */
void pool_call_done(struct pool *pool, struct pool_call *call); /* answers it and frees it, or it is asked once more */

/* ---- pool.c, told by a connection ---- */
void pool_conn_ready(struct pool_conn *c);
void pool_conn_lost(struct pool_conn *c, const char *why);
void pool_conn_moved(struct pool_conn *c); /* there is room for what waits */

#endif
