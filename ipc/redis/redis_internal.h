/* Inside of the Redis client, shared by its files: redis.c (life, commands, timeouts), redis_connect.c (from nothing to
 * a usable connection), redis_master.c (which server that is, from Sentinels), redis_reply.c (bytes in, answers out),
 * redis_script.c, redis_subscribe.c, redis_tls.c, redis_probe.c (what the server lets us do), redis_witness.c (whether
 * it forgets, whether it takes writes). */
#ifndef LOGIKALD_IPC_REDIS_REDIS_INTERNAL_H
#define LOGIKALD_IPC_REDIS_REDIS_INTERNAL_H

#include <sys/queue.h>
#include <event2/bufferevent.h>

#include "conf/backoff.h"
#include "conf/text/buf.h"
#include "ipc/redis/redis.h"

#define REDIS_TIMEOUT_MS   5000
#define REDIS_PING_MS      5000  /* of silence, before a PING */
#define REDIS_REFUSED_MS   15000 /* before a subscription that was refused is asked for again */
#define REDIS_STABLE_MS    5000  /* of being up, after which the backoff starts anew */
#define REDIS_OUTPUT_LIMIT (32 << 20)
#define REDIS_REPLY_LIMIT  (256u << 20)
#define REDIS_QUIET_MS     1000 /* an answer that is late may still be coming in */
#define REDIS_DOUBT_MS     500  /* between two looks that find an answer late */
#define REDIS_TICK_MS      200  /* between two looks at a late answer */
#define REDIS_MASTER_MS    1000 /* between two looks of a process at which server the Sentinels call the master */

struct script;
struct dial;
struct stream;
struct sentinel_search;
struct ssl_ctx_st;

/* A command that waits for its answer. */
struct redis_call {
    STAILQ_ENTRY(redis_call) link;
    redis_fn fn;
    void *arg;
    int64_t deadline_ms;
    struct script *script; /* to repeat it where the server does not know it */
    char *tail;            /* the encoded words after the script, ours to free */
    size_t tail_len;
    int words;
};

struct redis_sub {
    TAILQ_ENTRY(redis_sub) link;
    struct redis *redis;
    char *channel;
    redis_sub_fn fn;
    void *arg;
    bool is_pattern, is_ready, is_dead;
};

enum redis_state { REDIS_IDLE, REDIS_WAITING, REDIS_CONNECTING, REDIS_HANDSHAKE, REDIS_UP, REDIS_FREED };

struct redis {
    struct event_base *base;
    struct redis_url url;
    char name[64];
    struct ssl_ctx_st *tls;
    struct dial *dial;              /* while there is no socket yet */
    struct sentinel_search *search; /* while Sentinels are asked for the master: before dialling, and now and then */
    struct redis_address refused;   /* what they have named and was of no use */
    char named[40];                 /* "2 of 3 Sentinels" */
    int64_t asked_ms;               /* when they were last asked */
    struct stream *stream;          /* what is connected, in the clear */
    struct bufferevent *bev;        /* or by TLS */
    redisReader *reader;
    enum redis_state state;
    struct event *timer;
    struct backoff backoff;
    STAILQ_HEAD(redis_calls, redis_call) calls;
    size_t call_count;
    TAILQ_HEAD(redis_subs, redis_sub) subs;
    bool is_subscriber;
    redis_state_fn on_state;
    void *on_state_arg;
    char why[512];
    char handshake_fault[256];
    char first_error[160]; /* what the server said first, if it refused that: the reason when it closes then */
    char missing[200], missing_error[160]; /* what the probe found */
    char unwritable[200];                  /* why the witness could not be raised; "" = it was */
    char witness_key[200];
    int64_t witness, witness_ms, witnessed_ms, probed_ms; /* raised when; that was answered when */
    bool is_probing, must_not_go_up, is_told_channels;
    bool has_commands; /* it is used for commands, not for subscriptions */
    bool has_heard;    /* the server has said something on this connection */
    int64_t timeout_ms, round_trips;
    int64_t up_since_ms, heard_ms, deadline_ms; /* deadline of connecting and of the handshake */
    int64_t doubted_ms;                         /* when an answer was first seen to be late; 0 = none is */
    struct buf scratch;
    int depth; /* callbacks on the stack: memory is released at the last one's end */
};

/* redis.c */
void redis_enter(struct redis *r);
void redis_leave(struct redis *r); /* r may be gone afterwards */
void redis_set_timer(struct redis *r, int64_t ms);
void redis_went_up(struct redis *r);
void redis_look(struct redis *r); /* before each command: what is looked at now and then */
/* The connection is of no use: answers what is in flight, tells the owner, and tries again later. */
void redis_drop(struct redis *r, enum redis_fault fault, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
struct redis_call *redis_push(struct redis *r, int64_t timeout_ms, redis_fn fn, void *arg);
/* Writes encoded bytes; counts batches. They leave at the end of this turn of the loop. */
void redis_write(struct redis *r, const void *bytes, size_t len);
bool redis_has_room(const struct redis *r);                                         /* for more to write */
void redis_answer_call(struct redis_call *call, const struct redis_answer *answer); /* frees the call */
/* A command in whatever state the connection is (handshake, subscriptions). fn may be NULL. */
void redis_send_now(struct redis *r, redis_fn fn, void *arg, int argc, const char *const *argv);

/* redis_connect.c */
void redis_connect(struct redis *r);
void redis_dial(struct redis *r);                      /* the host of the URL */
const char *redis_connect_late(const struct redis *r); /* what it waited for in vain */
void redis_disconnect(struct redis *r);                /* closes what there is; no callbacks */

/* redis_master.c: of a client whose URL names Sentinels */
bool master_is_asked_for(const struct redis *r);
void master_ask(struct redis *r);             /* then dials it */
bool master_has_moved(const struct redis *r); /* a look has found another one since it was last asked for */
void master_leave(struct redis *r);
void master_look(struct redis *r);       /* is it still the one? in time, while it is up */
void master_refuse(struct redis *r);     /* the one that was named is of no use: another one before it */
void master_tell(const struct redis *r); /* once for each change in this process */

/* redis_probe.c */
void probe_send(struct redis *r);    /* ends the greeting, or drops the connection for what is missing */
void probe_in_time(struct redis *r); /* again, when it is time */
void probe_doubt(struct redis *r);   /* something was refused */

/* redis_witness.c */
const char *witness_key(struct redis *r);
void witness_write(struct redis *r); /* something was written */
/* What it counts now, or why it could not be raised (error, else ""). */
void witness_judge(struct redis *r, int64_t count, const char *error);
bool witness_is_replica(const struct redis *r);
void witness_drop_replica(struct redis *r); /* another host may be the primary, or become it */

/* redis_reader.c */
redisReader *redis_reader_new(void); /* refuses arrays that announce millions of elements; NULL without memory */
char *reply_line(char *text);        /* what the server said, as one line of whole characters; returns it */
/* An error's words are told to people: one line of whole characters. Of a list, what is no text (nil, a number, another
 * list) where a text is expected reads as "", so that no answer, however odd, is compared as NULL. */
void reply_tidy(redisReply *reply);
const char *reply_error(const redisReply *reply); /* never empty */

/* redis_reply.c */
/* What came, in whatever pieces. */
void redis_read(struct redis *r, const char *bytes, size_t len);
void redis_read_tls(struct redis *r);
void resp_array(struct buf *out, int words);
void resp_word(struct buf *out, const char *bytes, size_t len);

/* redis_script.c: true when the call was sent again. */
bool script_repeat(struct redis *r, struct redis_call *call, const redisReply *reply);

/* redis_subscribe.c */
bool sub_take(struct redis *r, const redisReply *reply); /* true when the reply was a subscription's */
void subs_renew(struct redis *r);
void subs_lost(struct redis *r);
void subs_sweep(struct redis *r); /* releases what was unsubscribed from inside a callback */
void subs_free(struct redis *r);

/* redis_tls.c */
struct ssl_ctx_st *tls_context(const struct redis_url *url, struct err *err);
void tls_context_free(struct ssl_ctx_st *tls);
/* fd: connected. host: whose name the certificate must have, unless any_name. NULL without memory. */
struct bufferevent *tls_bufferevent(struct event_base *base, struct ssl_ctx_st *tls, const char *host, bool any_name,
                                    int fd);
/* has_own: we have a certificate of ours to show. */
void tls_fault(struct bufferevent *bev, bool has_own, char *out, size_t size);

#endif
