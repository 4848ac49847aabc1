/* How the process and what it leans on are doing, refreshed in the background, so that health is answered at once
 * whatever the database does. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_HEALTH_VERDICT_H
#define LOGIKALD_SERVICES_WEB_WATCH_HEALTH_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "services/web/watch/health/backlog.h"
#include "services/web/watch/health/feed_lag.h"
#include "services/web/watch/health/migrations.h"
#include "services/web/watch/health/redis_keeps.h"
#include "services/web/web.h"

struct verdict {
    struct web *web;
    struct event *timer;
    struct pool_call *call;
    int64_t asked_us;
    bool is_db_up, was_db_up;       /* now; ever */
    bool is_db_awaited, is_db_told; /* that it is not there is told: as what a start waits for, as an error */
    int64_t opened_ms;
    char db_why[256];
    char db_fault[300]; /* it answers, and cannot be used; "" = it can */
    char db_full[300];  /* it answers, and has no room; "" = it has */
    double db_ms;
    int64_t db_checked_ms; /* unix time; 0 = never */
    struct migrations migrations;
    struct pool_call *room_call, *holds_call;
    struct hold_sum { /* what the sync holds back */
        int open;
        int64_t id; /* of the oldest */
        char reason[16], since[32];
        int64_t directories, projects, phases, elevations;
    } holds;
    struct feed_lag feed;
    bool is_redis_used, is_redis_up;
    double redis_ms;
    int64_t redis_checked_ms, redis_asked_us;
    bool is_redis_asked, is_queue_asked;
    bool is_backlog_told;
    struct backlog backlog;
    char redis_version[32], redis_memory[32];
    int64_t redis_clients, redis_uptime_s;
    char redis_policy[32]; /* what Redis does when its memory is full */
    int64_t redis_limit_bytes;
    struct redis_keeps redis_keeps;
};

struct verdict *verdict_new(struct web *web); /* NULL without memory */
void verdict_free(struct verdict *v);
/* Why a component that answers cannot be used as it should be, in words; "" = it can. The text lasts until the next
 * call. */
const char *verdict_db_fault(const struct verdict *v);
const char *verdict_redis_fault(const struct verdict *v);
/* What keeps requests from being answered as they should be, in words; NULL when all is there. The text lasts until the
 * next call. */
const char *verdict_why_not_ready(const struct verdict *v);

#endif
