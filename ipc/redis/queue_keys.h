/* The names of the queue's keys and channels in Redis: each is spelled here and nowhere else. Celery's own are listed
 * in docs/queue.md; ours begin with "logikald.". */
#ifndef LOGIKALD_IPC_REDIS_QUEUE_KEYS_H
#define LOGIKALD_IPC_REDIS_QUEUE_KEYS_H

#include "conf/conf.h"

#define QUEUE_SEP      "\x06\x16" /* kombu's own; REDIS_SEP may name another */
#define QUEUE_STEPS    10         /* priority lists of a queue, at most */
#define QUEUE_KEY_SIZE 512

#define KEY_BINDING            "_kombu.binding."     /* + exchange: set of bindings */
#define KEY_UNACKED            "unacked"             /* hash: tag -> [message, exchange, routing key] */
#define KEY_UNACKED_INDEX      "unacked_index"       /* zset: tag by time of delivery */
#define KEY_HELD               "logikald.held."      /* + worker: hash: tag -> the list it came from */
#define KEY_WORKERS            "logikald.workers"    /* zset: worker by time of its last renewal (s) */
#define KEY_REGISTERED         "logikald.registered" /* hash: worker -> epoch, lease (s), renewals; or "dead" */
#define KEY_ABOUT              "logikald.about"      /* hash: worker -> JSON about it */
#define KEY_DONE               "logikald.done."      /* + worker: hash: slot -> last batch and its answer, expires */
#define KEY_SWEPT              "logikald.swept."     /* + worker: it was taken for dead, expires */
#define KEY_HISTORY            "logikald.history"    /* hash: SHA-1 of a message -> crashes, marks; expires */
#define KEY_SCHEDULED          "logikald.scheduled"  /* zset: tag by due time (ms) */
#define KEY_SCHEDULED_MESSAGES "logikald.scheduled.messages" /* hash: tag -> list key, newline, message */
#define KEY_SCHEDULED_IDS      "logikald.scheduled.ids"      /* hash: task id -> tag */
#define KEY_DEAD               "logikald.dead"               /* list of dead letters, newest first */
#define KEY_ENDED              "logikald.ended"              /* list: what was revoked where it waited; expires */
#define KEY_REVOKED            "logikald.revoked"            /* zset: task id by time of the revoke */
#define KEY_REVOKED_STAMPS     "logikald.revoked.stamps"     /* zset: header=value by time of the revoke */
#define KEY_PAUSED             "logikald.paused"             /* hash: queue -> since (ms), blank, by whom */
#define KEY_CLOCK              "logikald.clock"              /* counter that tells a Redis that went back in time */
#define KEY_PROBE              "logikald.probe."             /* + type: what the rights are tried on, at once gone */
#define KEY_WITNESS            "logikald.witness."           /* + connection: a counter, expires (redis_witness.c) */
#define KEY_WENT_BACK          "logikald.went_back"          /* when a process noticed that last (ms); expires */
#define KEY_BEAT               "logikald.beat"               /* hash: entry -> last run (ms) */
#define KEY_BEAT_PAUSED        "logikald.beat.paused"        /* hash: entry -> since (ms), blank, by whom */
#define KEY_BEAT_BY_HAND       "logikald.beat.by_hand"       /* hash: entry -> last run by hand (ms), blank, by whom */
#define KEY_BEAT_LOCK          "logikald.beat.lock"          /* string: leader, with expiry */
#define KEY_BEAT_FENCE         "logikald.beat.fence"         /* counter of leaders */
#define KEY_COUNTS             "logikald.counts"             /* hash: what became of tasks (task_counts.c) */
#define KEY_COUNTED            "logikald.counted."           /* + process: what it has added to that, expires */
#define CHANNEL_RESUMED        "logikald.resumed"            /* a queue is served again; its name */

#define DEAD_LETTERS_MAX 10000 /* that are kept, the newest */

struct queue_keys {
    char prefix[72], result_prefix[72];
    char fanout[80], control[64], events[64], sep[12];
    int db, steps[QUEUE_STEPS], step_count; /* priorities that have a list, ascending */
};

struct redis_url;
/* url may be NULL where no channel is asked for. */
void queue_keys_init(struct queue_keys *keys, const struct conf *conf, const struct redis_url *url);

/* The same for a URL that knows its prefixes (redis_url_from_conf). */
void queue_keys_of(struct queue_keys *keys, const struct redis_url *url);

/* Each writes to out (QUEUE_KEY_SIZE bytes) and returns it. */
const char *queue_key(const struct queue_keys *keys, char *out, const char *name, const char *suffix);
const char *queue_list_key(const struct queue_keys *keys, char *out, const char *queue, int priority);
const char *queue_step_key(const struct queue_keys *keys, char *out, const char *queue, int step); /* 0 to step_count */
const char *queue_result_key(const struct queue_keys *keys, char *out, const char *task_id);       /* and its channel */
const char *queue_group_key(const struct queue_keys *keys, char *out, const char *group_id, const char *suffix);
const char *queue_channel(const struct queue_keys *keys, char *out, const char *rest); /* "/<db>." rest */
const char *queue_event_channel(const struct queue_keys *keys, char *out, const char *routing_key);
const char *queue_control_exchange(const struct queue_keys *keys, char *out); /* "celery.pidbox" */
const char *queue_reply_exchange(const struct queue_keys *keys, char *out);   /* "reply.celery.pidbox" */
/* Members of binding sets: of a queue bound by its name or by a routing key (direct exchange), of a node's mailbox. */
const char *queue_binding(const struct queue_keys *keys, char *out, const char *routing_key, const char *queue);
const char *queue_node_binding(const struct queue_keys *keys, char *out, const char *node);
/* Cuts a member at its separators; false: it has not two of them. key_len: of the routing key, which it begins with. */
bool queue_binding_cut(const struct queue_keys *keys, const char *member, size_t *key_len, const char **queue);
/* The queue's name in the name of one of its lists, without the prefix; out as above. */
const char *queue_of_list(const struct queue_keys *keys, char *out, const char *list, size_t len);

/* Cuts "a, b,c" into names; returns how many (at most max). Names are of at most 127 bytes. */
int queue_names(const char *list, char names[][128], int max);

#endif
