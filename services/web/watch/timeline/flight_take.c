/* See flight_take.h. What was read is taken in pieces; only when all of it is in PostgreSQL the files count as read. */
#include "services/web/watch/timeline/flight_take.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "conf/log.h"
#include "ipc/flight.h"
#include "services/store/db/pool.h"
#include "services/store/timeline.h"
#include "services/web/watch/problems/problem.h"
#include "services/web/watch/health/verdict.h"

#define LOOK_S 1
#define PIECE  100 /* events in a statement */

struct flight_take {
    struct web *web;
    struct event *timer;
    struct flight_place read, taken; /* of what is waiting, and of what is in PostgreSQL */
    cJSON *waiting;                  /* NULL = nothing */
    int piece;                       /* events in the statement under way, or in the next one */
    struct pool_call *call;
    int64_t told_unreadable;
    char last[64], taken_last[64]; /* the newest event of what is waiting, and of what is in PostgreSQL */
};

static void go_on(struct flight_take *t);

static void done(struct flight_take *t)
{
    cJSON_Delete(t->waiting);
    t->waiting = NULL;
    t->taken = t->read;
    memcpy(t->taken_last, t->last, sizeof t->last);
    t->piece = PIECE;
}

static void drop(struct flight_take *t, int count)
{
    while (count-- > 0 && t->waiting->child) cJSON_DeleteItemFromArray(t->waiting, 0);
}

static void name_of(const cJSON *event, char out[64])
{
    snprintf(out, 64, "%s:%.0f", fact_text(event, "source"), fact_number(event, "n"));
}

/* A file that has grown is read again as a whole: what stands before the last event that was taken, was taken too. */
static void skip_taken(struct flight_take *t)
{
    int index = 0, taken = 0;
    const cJSON *event;
    cJSON_ArrayForEach(event, t->waiting) {
        index++;
        name_of(event, t->last);
        if (strcmp(t->last, t->taken_last) == 0) taken = index;
    }
    drop(t, taken);
}

/* An event that PostgreSQL does not take must not keep those behind it back. */
static void on_taken(void *arg, const PGresult *result, const struct err *err)
{
    struct flight_take *t = arg;
    (void)result;
    t->call = NULL;
    bool is_bad_value = err && (err->code == ERR_INPUT || err->code == ERR_CONFLICT);
    if (err && !is_bad_value) return; /* the timer tries again */
    if (is_bad_value && t->piece > 1) {
        t->piece = 1;
        go_on(t);
        return;
    }
    if (is_bad_value) log_warning("an event of the run directory cannot be kept: %s", err->text);
    drop(t, t->piece);
    if (t->waiting->child)
        go_on(t);
    else
        done(t);
}

static void go_on(struct flight_take *t)
{
    char days[16];
    cJSON *piece = cJSON_CreateArray(), *event = t->waiting->child;
    snprintf(days, sizeof days, "%d", (int)conf_int(t->web->conf, SET_TIMELINE_DAYS));
    for (int i = 0; i < t->piece && event; i++, event = event->next) cJSON_AddItemReferenceToArray(piece, event);
    char *text = cJSON_PrintUnformatted(piece);
    if (text) t->call = pool_query(t->web->pool, &query_flight_take, 2, (const char *[]){text, days}, on_taken, t);
    free(text);
    cJSON_Delete(piece);
}

static bool can_write(const struct web *web)
{
    return web->pool && web->verdict->is_db_up && web->verdict->migrations.state == MIGRATIONS_DONE;
}

static void look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct flight_take *t = arg;
    int64_t unreadable = 0;
    if (t->call || !can_write(t->web)) return;
    if (!t->waiting) {
        struct flight_place place = t->taken;
        t->waiting = flight_read(conf_str(t->web->conf, SET_RUN_DIR), &place, &unreadable);
        if (t->waiting) {
            t->read = place;
            skip_taken(t);
        }
        if (unreadable > t->told_unreadable)
            log_warning("%lld lines of %s/%s are no events: they are passed over", (long long)unreadable,
                        conf_str(t->web->conf, SET_RUN_DIR), FLIGHT_FILE);
        t->told_unreadable = unreadable;
    }
    if (t->waiting && t->waiting->child)
        go_on(t);
    else if (t->waiting)
        done(t);
}

struct flight_take *flight_take_new(struct web *web)
{
    struct flight_take *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->web = web;
    t->piece = PIECE;
    t->timer = event_new(web->base, -1, EV_PERSIST, look, t);
    if (t->timer && event_add(t->timer, &(struct timeval){.tv_sec = LOOK_S}) == 0) return t;
    flight_take_free(t);
    return NULL;
}

void flight_take_free(struct flight_take *t)
{
    if (!t) return;
    if (t->timer) event_free(t->timer);
    cJSON_Delete(t->waiting);
    free(t);
}
