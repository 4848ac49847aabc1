/* What the rooms of the worker role share. One event loop owns everything here; tasks run in runner processes
 * (services/runner). Each room's struct is seen by its own file only, and a room includes only those above it:
 *
 *   delivery             a message in this worker's hands, and the one table of what may become of it
 *   events/events        what monitors hear
 *   events/history       what became of tasks, to PostgreSQL (history_row: one of them)
 *   runners/runners      runner processes: start, end, crash
 *   runners/scale        how many there are
 *   settle/finish        outcomes to Redis, in batches (finish_call: the words of a call)
 *   settle/aftermath     what else is told when a task has failed: its chain, errbacks, chord
 *   settle/outcome       what became of a message, as finish is told
 *   settle/handback      what happens to a message that this worker does not finish
 *   dispatch/revoked     ids that must not run
 *   dispatch/stamped     stamps whose tasks must not run
 *   dispatch/dispatch    tasks to runners, and what comes back
 *   dispatch/intake      what has been fetched: judges each message
 *   dispatch/limits      time limits, STARTED, work behind a long task
 *   broker/consumer      messages in: fetch, wait
 *   broker/membership    registration, lease, dead workers
 *   broker/broker_check  orphans of Python workers, dangerous settings, missing rights
 *   monitor/             remote control: pidbox, inspect, revoke
 *   worker               sets all of it up; signals, stopping
 *
 * Nobody calls upwards: whatever changes a delivery makes deliveries_on_change be called (by the loop, once for many
 * changes), and a registration makes membership_on_state be called; worker.c decides what follows. */
#ifndef LOGIKALD_SERVICES_WORKER_H
#define LOGIKALD_SERVICES_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <event2/event.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "ipc/redis/queue_keys.h"
#include "ipc/redis/redis.h"
#include "ipc/queue/task_counts.h"

#define RUNNERS_MAX 64
#define BATCH_MAX   128 /* messages of one fetch or finish */

struct worker {
    struct event_base *base;
    struct conf *conf;
    struct redis_url url;
    struct queue_keys keys;
    struct redis *redis, *listener;
    char id[256], node[300];
    char epoch[72]; /* of the registration; "" = none yet. See membership.h */
    int64_t started_ms;
    bool is_stopping;
    struct task_counts *counts;

    struct deliveries *deliveries;
    struct revoked *revoked;
    struct stamped *stamped;
    struct events *events;
    struct history *history;
    struct finish *finish;
    struct handback *handback;
    struct runners *runners;
    struct dispatch *dispatch;
    struct limits *limits;
    struct scale *scale;
    struct consumer *consumer;
    struct membership *membership;
    struct broker_check *broker_check;
    struct pidbox *pidbox;
};

void worker_stop(struct worker *w, const char *why); /* as TERM does */

#endif
