/* The one Redis client: a connection (ipc/stream, or a libevent bufferevent for TLS) with hiredis for the
 * protocol (RESP2). Commands are pipelined; answers come to callbacks in order. A lost connection is made again with
 * backoff and jitter, subscriptions are renewed, and the owner is told of every change. Nothing here blocks.
 *
 * What is in flight when a connection breaks is answered with REDIS_LOST: whether the server did it is unknown, and the
 * caller repeats what is safe to repeat. Nothing is queued while there is no connection: sending fails at once, so that
 * each caller keeps what it must not lose and sends it from its state callback.
 *
 * A connection with nothing to say sends PING every few seconds, which both keeps it from being cut as idle and finds
 * out that it is dead (half-open). One that answers nothing for its timeout is closed and made again.
 *
 * A struct redis used for subscriptions can be used for nothing else (RESP2): open another one. */
#ifndef LOGIKALD_IPC_REDIS_REDIS_H
#define LOGIKALD_IPC_REDIS_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "conf/err.h"
#include "ipc/redis/redis_url.h"

struct redis;

enum redis_fault {
    REDIS_FINE = 0,
    REDIS_LOST,     /* the connection broke: it may have been done or not */
    REDIS_LATE,     /* no answer in time; the connection is being closed */
    REDIS_CLOSED,   /* redis_free */
    REDIS_LOADING,  /* the server loads its data: try again */
    REDIS_READONLY, /* a replica: try again after the fail-over */
    REDIS_OOM,      /* the server is out of memory: try again later */
    REDIS_BUSY,     /* a script runs for too long, or the master is unreachable: try again */
    REDIS_NOAUTH,   /* credentials or permission */
    REDIS_REFUSED,  /* any other error answer: our own fault, repeating does not help */
};

struct redis_answer {
    const redisReply *reply; /* NULL when there was none; belongs to the client, gone after the callback */
    enum redis_fault fault;
    const char *text; /* what went wrong; "" when fine */
};

/* Called exactly once for each accepted command, from the event loop. May send commands and may call redis_free. */
typedef void (*redis_fn)(void *arg, const struct redis_answer *answer);

/* True when the same command may succeed later (all but REFUSED, NOAUTH and CLOSED). */
bool redis_fault_is_passing(enum redis_fault fault);

/* client_name (letters, digits, '-', '.', ':') shows in CLIENT LIST. url is copied. The connection is made by
 * redis_start. NULL with err when TLS cannot be set up. The caller frees with redis_free. */
struct redis *redis_new(struct event_base *base, const struct redis_url *url, const char *client_name, struct err *err);
/* Answers what is in flight with REDIS_CLOSED, then releases all. May be called from a callback. NULL is fine. */
void redis_free(struct redis *r);

/* is_up: connected, authenticated, the database selected, not loading, with all rights and commands that we need. why:
 * the reason of a loss, or "". After every failed attempt it is called again with is_up false, so that the owner can
 * count and tell. */
typedef void (*redis_state_fn)(void *arg, bool is_up, const char *why);
void redis_on_state(struct redis *r, redis_state_fn fn, void *arg);
void redis_start(struct redis *r);
bool redis_is_up(const struct redis *r);
const char *redis_why_down(const struct redis *r); /* the last reason; "" when up */
const struct redis_url *redis_where(const struct redis *r);

/* The commands that the server does not let us use, as last seen; "" = none. */
const char *redis_missing(const struct redis *r);
/* Why it takes no writes although it answers (full, too few replicas, its disk), as last seen; "" = it takes them. */
const char *redis_unwritable(const struct redis *r);
/* When the server's certificate ends (unix time); 0 = without TLS, or not connected. */
int64_t redis_certificate_ends_s(const struct redis *r);
/* How often Redis has come back without what it had acknowledged, as far as this process knows: it has seen it itself,
 * or has heard of it (redis_went_back_ask), from whichever noticed. When it was the last time (unix time, ms); 0 = not.
 */
long redis_went_back(void);
int64_t redis_went_back_ms(void);
void redis_went_back_ask(struct redis *r);

void redis_set_timeout(struct redis *r, int64_t timeout_ms); /* for commands from now on; default 5000 */
int64_t redis_round_trips(const struct redis *r);            /* batches of commands written so far, for the bench */

/* Sends a command of argc words; lens may be NULL when the words are NUL-terminated. 0 when it was accepted: fn (may be
 * NULL) will be called. -ERR_REDIS when there is no connection, -ERR_LIMIT when too much waits to be sent (32 MiB): fn
 * will not be called. The words are copied. */
int redis_command(struct redis *r, redis_fn fn, void *arg, int argc, const char *const *argv, const size_t *lens);
/* The same for words given one by one: redis_call(r, fn, arg, "GET", key, REDIS_END). */
#define REDIS_END ((const char *)0)
int redis_call(struct redis *r, redis_fn fn, void *arg, ...) __attribute__((sentinel));
/* For a command that blocks in the server: its own timeout. */
int redis_command_within(struct redis *r, int64_t timeout_ms, redis_fn fn, void *arg, int argc, const char *const *argv,
                         const size_t *lens);

/* A script of ipc/lua by its file name without ".lua", as EVALSHA; a server that does not know it gets it loaded and
 * the call repeated. argv: nkeys keys, then arguments. An unknown name is a bug (assert). */
int redis_script(struct redis *r, const char *name, redis_fn fn, void *arg, int nkeys, int argc,
                 const char *const *argv, const size_t *lens);

enum redis_sub_event {
    REDIS_SUB_READY,   /* subscribed (again): what was published before may have been missed */
    REDIS_SUB_MESSAGE, /* payload */
    REDIS_SUB_LOST     /* the connection broke; it will be subscribed again */
};
typedef void (*redis_sub_fn)(void *arg, enum redis_sub_event event, const char *channel, const char *payload,
                             size_t len);
struct redis_sub;
/* A subscription to a channel, or to a pattern; kept over reconnects until redis_unsubscribe. Several may share a
 * channel. NULL only without memory. redis_unsubscribe may be called from its callback; NULL is fine. */
struct redis_sub *redis_subscribe(struct redis *r, const char *channel, redis_sub_fn fn, void *arg);
struct redis_sub *redis_psubscribe(struct redis *r, const char *pattern, redis_sub_fn fn, void *arg);
void redis_unsubscribe(struct redis_sub *sub);

#endif
