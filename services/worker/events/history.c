/* See history.h. One batch is on its way at a time, on one connection that is opened with the first row and closed when
 * there was nothing to write for a minute. */
#include "services/worker/events/history.h"

#include <stdlib.h>
#include <string.h>

#include "conf/backoff.h"
#include "conf/clock.h"
#include "conf/log.h"
#include "conf/text/whole.h"
#include "services/store/db/pool.h"
#include "services/store/task_history.h"
#include "services/worker/complaint.h"
#include "services/worker/events/history_row.h"

#define SHORT_US    2000
#define GATHER_MS   250
#define BATCH       100
#define BATCH_BYTES (1u << 20)
#define KEPT_BYTES  (4u << 20)
#define CLOSE_MS    60000
#define GIVE_UP_MS  2000 /* when the worker stops */

TAILQ_HEAD(history_rows, history_row);

struct history {
    struct pool *pool; /* NULL while there is nothing to write */
    struct event *flush, *idle, *give_up;
    struct history_rows waiting, sent;
    int count, batch; /* batch: how many go at once */
    size_t bytes;
    struct backoff backoff;
    int64_t lost, lost_since_us, telling; /* telling: of these the table hears now */
    bool is_stopping, has_given_up;
    struct complaint not_written, dropped;
};

static void flush_in(struct history *h, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    if (!evtimer_pending(h->flush, NULL)) evtimer_add(h->flush, &tv);
}

/* ---- what is lost ---- */
static void lose(struct worker *w, const char *why)
{
    struct history *h = w->history;
    if (h->lost++ == 0) h->lost_since_us = wall_us();
    if (complaint_is_due(&h->dropped, why))
        log_error("the history of %lld tasks is lost so far: %s", (long long)h->lost, why);
}

static void drop(struct worker *w, struct history_rows *from, const char *why)
{
    struct history *h = w->history;
    for (struct history_row *r; (r = TAILQ_FIRST(from)) != NULL; lose(w, why)) {
        TAILQ_REMOVE(from, r, link);
        h->bytes -= r->bytes;
        h->count--;
        history_row_free(r);
    }
}

static void on_loss_told(void *arg, const PGresult *result, const struct err *err)
{
    struct worker *w = arg;
    struct history *h = w->history;
    (void)result;
    if (!err) h->lost -= h->telling;
    h->telling = 0;
}

static void tell_loss(struct worker *w)
{
    struct history *h = w->history;
    char since[24], count[24];
    if (h->lost == 0 || h->telling > 0) return;
    snprintf(since, sizeof since, "%lld", (long long)h->lost_since_us);
    snprintf(count, sizeof count, "%lld", (long long)h->lost);
    const char *values[] = {w->node, since, count};
    if (!pool_query(h->pool, &query_history_lost, 3, values, on_loss_told, w)) return;
    log_warning("the history of %lld tasks was lost: it is noted in task_history_losses", (long long)h->lost);
    h->telling = h->lost;
}

/* ---- writing ---- */
static void written(struct worker *w)
{
    struct history *h = w->history;
    for (struct history_row *r; (r = TAILQ_FIRST(&h->sent)) != NULL;) {
        TAILQ_REMOVE(&h->sent, r, link);
        h->bytes -= r->bytes;
        h->count--;
        history_row_free(r);
    }
    backoff_reset(&h->backoff);
    h->batch = BATCH;
    h->has_given_up = false;
    evtimer_del(h->give_up);
    tell_loss(w);
}

static void not_written(struct worker *w, const struct err *err)
{
    struct history *h = w->history;
    bool is_away = err->code == ERR_DB || err->code == ERR_TIMEOUT || err->code == ERR_LIMIT;
    if (complaint_is_due(&h->not_written, err->text))
        log_warning("the history of tasks cannot be written%s: %s", is_away ? ", will be tried again" : "", err->text);
    if (!is_away && h->batch == 1) {
        drop(w, &h->sent, err->text);
        return;
    }
    struct history_rows all = TAILQ_HEAD_INITIALIZER(all);
    TAILQ_CONCAT(&all, &h->sent, link);
    TAILQ_CONCAT(&all, &h->waiting, link);
    TAILQ_CONCAT(&h->waiting, &all, link);
    if (!is_away) h->batch = 1; /* one of them is at fault: they go one by one */
}

static void on_answer(void *arg, const PGresult *result, const struct err *err)
{
    struct worker *w = arg;
    struct history *h = w->history;
    (void)result;
    if (err)
        not_written(w, err);
    else
        written(w);
    bool is_away = err && (err->code == ERR_DB || err->code == ERR_TIMEOUT || err->code == ERR_LIMIT);
    if (is_away && h->is_stopping) drop(w, &h->waiting, "PostgreSQL cannot be reached, and the worker stops");
    if (!TAILQ_EMPTY(&h->waiting)) flush_in(h, is_away ? backoff_next_ms(&h->backoff) : 0);
    if (h->is_stopping) deliveries_changed(w);
}

static void take_batch(struct worker *w, struct buf *json)
{
    struct history *h = w->history;
    struct history_row *r;
    for (int n = 0; n < h->batch && json->len < BATCH_BYTES && (r = TAILQ_FIRST(&h->waiting)); n++) {
        TAILQ_REMOVE(&h->waiting, r, link);
        TAILQ_INSERT_TAIL(&h->sent, r, link);
        buf_char(json, n == 0 ? '[' : ',');
        history_row_print(json, r, w->node);
    }
    buf_char(json, ']');
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    struct history *h = w->history;
    struct err err = {0};
    struct buf json = {0};
    if (!TAILQ_EMPTY(&h->sent) || TAILQ_EMPTY(&h->waiting)) return;
    if (!h->pool && !(h->pool = pool_new(w->base, w->conf, "logikald history", &err))) {
        drop(w, &h->waiting, err.text);
        return;
    }
    take_batch(w, &json);
    if (json.failed || !pool_query(h->pool, &query_history_write, 1, (const char *[]){json.data}, on_answer, w))
        drop(w, &h->sent, "no memory");
    buf_free(&json);
    evtimer_add(h->idle, &(struct timeval){.tv_sec = CLOSE_MS / 1000});
    if (h->is_stopping && !evtimer_pending(h->give_up, NULL))
        evtimer_add(h->give_up, &(struct timeval){.tv_sec = GIVE_UP_MS / 1000});
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    struct history *h = w->history;
    if (h->count > 0 || h->telling > 0) {
        evtimer_add(h->idle, &(struct timeval){.tv_sec = CLOSE_MS / 1000});
        return;
    }
    pool_free(h->pool);
    h->pool = NULL;
}

static void on_give_up(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    w->history->has_given_up = true;
    deliveries_changed(w);
}

/* ---- keeping ---- */
static void keep(struct worker *w, const struct delivery *d, const char *state, const char *why)
{
    struct history *h = w->history;
    if (conf_int(w->conf, SET_TASK_HISTORY_DAYS) == 0) return;
    struct history_row *r = history_row_new(d, state, why);
    if (!r || h->bytes + r->bytes > KEPT_BYTES) {
        if (r) history_row_free(r);
        lose(w, r ? "PostgreSQL has not taken any for too long" : "no memory");
        return;
    }
    h->bytes += r->bytes;
    h->count++;
    TAILQ_INSERT_TAIL(&h->waiting, r, link);
    flush_in(h, h->is_stopping ? 0 : GATHER_MS);
}

/* Also of a tick of every few seconds whose result nobody keeps: all of them would be most of the table. */
void history_ended(struct worker *w, const struct delivery *d)
{
    const struct outcome *o = &d->outcome;
    bool is_news = o->run_us > SHORT_US && !(d->def && d->def->ignores_result);
    if (o->end == TASK_SUCCESS && !is_news && d->m.retries == 0 && d->deliveries <= 1) return;
    if (!w->history || o->end == TASK_ENDS) return;
    keep(w, d, o->why && strcmp(o->why, "expired") == 0 ? "expired" : task_end_name(o->end), NULL);
}

void history_crashed(struct worker *w, const struct delivery *d, const char *why)
{
    if (w->history) keep(w, d, "lost", why);
}

/* ---- what was revoked where it waited ---- */
static void take_ended(struct worker *w, const char *text, size_t len)
{
    char queue[QUEUE_KEY_SIZE];
    const char *at = NULL;
    int64_t ms = whole_read(text, &at);
    const char *list = *at == '\n' ? at + 1 : NULL, *raw = list ? strchr(list, '\n') : NULL;
    struct delivery d = {.outcome = {.end = TASK_REVOKED, .run_us = -1}, .taken_us = mono_us()};
    struct err err = {0};
    if (!raw) return;
    raw++;
    d.queue = queue_of_list(&w->keys, queue, list, (size_t)(raw - 1 - list));
    snprintf(d.tag, sizeof d.tag, "ended.%lld", (long long)ms);
    message_decode(raw, len - (size_t)(raw - text), &d.m, &err);
    d.outcome.ended_us = ms * 1000;
    keep(w, &d, "revoked", "revoked where it waited");
    message_free(&d.m);
}

static void on_ended(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    const redisReply *reply = answer->reply;
    if (answer->fault != REDIS_FINE || !w->history || reply->type != REDIS_REPLY_ARRAY) return;
    for (size_t i = 0; i < reply->elements; i++)
        if (reply->element[i]->type == REDIS_REPLY_STRING)
            take_ended(w, reply->element[i]->str, reply->element[i]->len);
    if (reply->elements == BATCH) history_look(w);
}

void history_look(struct worker *w)
{
    char key[QUEUE_KEY_SIZE], count[16];
    if (!w->history || w->history->is_stopping || w->history->bytes > KEPT_BYTES / 2) return;
    snprintf(count, sizeof count, "%d", BATCH);
    redis_call(w->redis, on_ended, w, "RPOP", queue_key(&w->keys, key, KEY_ENDED, ""), count, REDIS_END);
}

/* ---- life ---- */
bool history_is_idle(const struct worker *w)
{
    return !w->history || w->history->count == 0 || w->history->has_given_up;
}

void history_stop(struct worker *w)
{
    struct history *h = w->history;
    if (!h) return;
    h->is_stopping = true;
    if (h->count == 0) return;
    evtimer_del(h->flush);
    flush_in(h, 0);
    evtimer_add(h->give_up, &(struct timeval){.tv_sec = GIVE_UP_MS / 1000});
}

int history_open(struct worker *w, struct err *err)
{
    if (!conf_str(w->conf, SET_DATABASE_URL)[0]) return 0;
    struct history *h = w->history = calloc(1, sizeof *h);
    if (!h) return err_set(err, ERR_NOMEM, "no memory");
    TAILQ_INIT(&h->waiting);
    TAILQ_INIT(&h->sent);
    h->batch = BATCH;
    backoff_init(&h->backoff, 250, 15000);
    h->flush = evtimer_new(w->base, on_flush, w);
    h->idle = evtimer_new(w->base, on_idle, w);
    h->give_up = evtimer_new(w->base, on_give_up, w);
    return h->flush && h->idle && h->give_up ? 0 : err_set(err, ERR_NOMEM, "no memory for a timer");
}

void history_close(struct worker *w)
{
    struct history *h = w->history;
    if (!h) return;
    pool_free(h->pool);
    drop(w, &h->sent, "the worker ends");
    drop(w, &h->waiting, "the worker ends");
    if (h->lost > 0) log_error("the history of %lld tasks is lost", (long long)h->lost);
    if (h->flush) event_free(h->flush);
    if (h->idle) event_free(h->idle);
    if (h->give_up) event_free(h->give_up);
    free(h);
    w->history = NULL;
}
