/* The web process: what its rooms share. One event loop; nothing in it blocks. */
#ifndef LOGIKALD_SERVICES_WEB_WEB_H
#define LOGIKALD_SERVICES_WEB_WEB_H

#include <stdbool.h>
#include <stdint.h>
#include <event2/event.h>

#include "conf/conf.h"

struct server;
struct pool;
struct redis;
struct queue;
struct verdict;
struct facts;
struct alarms;
struct episodes;
struct flight_take;
struct versions;
struct cache;
struct limiter;
struct attempts;
struct metrics;
struct hasher;
struct actions;
struct feed_watch;
struct change_waits;
struct task_counts;
struct origins;
struct ui;

struct web {
    struct event_base *base;
    struct conf *conf;
    struct server *server;
    struct pool *pool;   /* NULL without DATABASE_URL */
    struct redis *redis; /* NULL without Redis settings */
    struct queue *queue; /* NULL without Redis */
    struct verdict *verdict;
    struct facts *facts;
    struct alarms *alarms;
    struct episodes *episodes;
    struct flight_take *flight_take;
    struct versions *versions;
    struct cache *cache;
    struct limiter *limiter;
    struct attempts *attempts;
    struct metrics *metrics;
    struct hasher *hasher;
    struct actions *actions;
    struct feed_watch *feed_watch;
    struct change_waits *change_waits;
    struct task_counts *task_counts; /* of those that ran in children of this process */
    struct ui *ui;
    struct lull *lull;
    char jwt_key[513]; /* JWT_SECRET_KEY, or the one kept in PostgreSQL (signing_key.h); empty until that is there */
    char jwt_previous[513]; /* JWT_SECRET_KEY_PREVIOUS: tokens that are signed with it are right, none is made */
    int64_t started_ms;
    bool is_stopping;
    int exit_status;
};

#endif
