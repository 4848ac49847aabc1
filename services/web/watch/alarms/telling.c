/* See telling.h. Messages of one problem go out one after the other, those of one channel, so that its end comes last.
 */
#include "services/web/watch/alarms/telling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "conf/text/buf.h"
#include "conf/log.h"
#include "services/alert/channels.h"
#include "services/store/db/pool.h"
#include "services/store/web/watch/alerts_sql.h"
#include "services/web/watch/problems/problem.h"
#include "services/web/watch/health/verdict.h"

#define TRIES_MAX 8 /* the last one about eight minutes after the first */
#define WAIT_S    4 /* before the second; each wait is twice the one before */
#define NOTES_MAX 200
#define TAKE_S    5 /* between two looks for what waits; a quarter of the time for which it is held */

struct alarm_message {
    struct telling *telling;
    enum channel channel;
    char id[24]; /* in alert_outbox; "" = it is only here */
    char kind[12];
    cJSON *problem; /* NULL: a test */
    char *line;
    int tries;
    char why[300]; /* of the last try; "" = it was taken */
    bool is_over;
    struct event *timer;
    struct channels_test *test;
    TAILQ_ENTRY(alarm_message) link;
};

struct channels_test {
    int waiting;
    cJSON *results;
    alarms_test_fn fn;
    void *arg;
};

struct telling {
    struct web *web;
    struct courier *courier;
    TAILQ_HEAD(message_list, alarm_message) messages;
    int count;                 /* those that are over, and not noted yet, among them */
    char fault[CHANNELS][400]; /* of the last try; "" = it was taken */
    char beat_fault[240];      /* of the last call; "" = it was taken */
    struct event *timer, *take_timer;
    struct pool_call *take;
    bool is_noting, is_asked_again; /* the latter: to take, while it was being taken */
    char channels[40];
};

static void message_free(struct alarm_message *m)
{
    TAILQ_REMOVE(&m->telling->messages, m, link);
    m->telling->count--;
    if (m->timer) event_free(m->timer);
    cJSON_Delete(m->problem);
    free(m->line);
    free(m);
}

static bool can_write(const struct web *web)
{
    return web->pool && web->verdict->is_db_up && web->verdict->migrations.state == MIGRATIONS_DONE;
}

/* ---- what became of it ---- */

static void on_noted(void *arg, const PGresult *result, const struct err *err)
{
    (void)result;
    struct alarm_message *m = arg;
    struct telling *t = m->telling;
    t->is_noting = false;
    if (err) return;
    message_free(m);
    telling_take(t); /* the next of its problem may go */
}

/* One after the other, in order; while PostgreSQL is away they wait. */
static void note(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct telling *t = arg;
    struct alarm_message *m;
    if (t->is_noting || !can_write(t->web)) return;
    TAILQ_FOREACH(m, &t->messages, link)
        if (m->is_over) break;
    if (!m) return;
    const char *values[] = {m->kind,
                            m->problem ? fact_text(m->problem, "key") : "",
                            m->line,
                            channel_name(m->channel),
                            *m->why ? m->why : NULL,
                            *m->id ? m->id : NULL};
    t->is_noting = pool_query(t->web->pool, &query_alert_note, 6, values, on_noted, m) != NULL;
}

static void end_test(struct alarm_message *m)
{
    struct channels_test *test = m->test;
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "channel", channel_name(m->channel));
    cJSON_AddBoolToObject(row, "is_delivered", !*m->why);
    if (*m->why) cJSON_AddStringToObject(row, "error", m->why);
    cJSON_AddItemToArray(test->results, row);
    m->test = NULL;
    if (--test->waiting > 0) return;
    test->fn(test->arg, test->results);
    free(test);
}

/* Each channel has its own: that one takes what another refuses is no cure. */
static void note_fault(const struct alarm_message *m)
{
    char *fault = m->telling->fault[m->channel];
    *fault = 0;
    if (*m->why) snprintf(fault, sizeof m->telling->fault[0], "%s: %s", channel_name(m->channel), m->why);
}

static bool is_same(const struct alarm_message *a, const struct alarm_message *b)
{
    return !a->is_over && !b->is_over && a->channel == b->channel && a->problem && b->problem &&
           strcmp(fact_text(a->problem, "key"), fact_text(b->problem, "key")) == 0;
}

static void send_next(const struct alarm_message *m)
{
    struct alarm_message *next = TAILQ_NEXT(m, link);
    while (next && !is_same(m, next)) next = TAILQ_NEXT(next, link);
    if (next) event_add(next->timer, &(struct timeval){0});
}

static void is_over(struct alarm_message *m)
{
    send_next(m);
    m->is_over = true;
    note_fault(m);
    if (*m->why)
        log_error("could not be told by %s (%s): %s", channel_name(m->channel), m->why, m->line);
    else
        log_info("told by %s: %s", channel_name(m->channel), m->line);
    if (m->test) end_test(m);
}

/* ---- sending ---- */

static void on_sent(void *arg, const char *why)
{
    struct alarm_message *m = arg;
    snprintf(m->why, sizeof m->why, "%s", why ? why : "");
    if (!why || m->test || ++m->tries >= TRIES_MAX) {
        is_over(m);
        return;
    }
    note_fault(m);
    event_add(m->timer, &(struct timeval){.tv_sec = WAIT_S << (m->tries - 1)});
}

static void send_it(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct alarm_message *m = arg;
    struct err err = {0};
    if (channel_send(m->telling->courier, m->telling->web->conf, m->channel, m->kind, m->problem, on_sent, m, &err) < 0)
        on_sent(m, err.text);
}

static bool is_first(struct alarm_message *m)
{
    struct alarm_message *before = TAILQ_PREV(m, message_list, link);
    while (before && !is_same(m, before)) before = TAILQ_PREV(before, message_list, link);
    return !before;
}

/* NULL without room; id: in alert_outbox, NULL when it is not there. */
static struct alarm_message *put(struct telling *t, enum channel channel, const char *kind, const cJSON *problem,
                                 const char *id)
{
    struct alarm_message *m = t->count < NOTES_MAX ? calloc(1, sizeof *m) : NULL;
    char *line = m ? alert_line(kind, problem) : NULL;
    if (!line) {
        free(m);
        log_error("no room to tell of a problem (%s): %s", kind, fact_text(problem, "cause"));
        return NULL;
    }
    m->telling = t;
    m->channel = channel;
    m->line = line;
    m->problem = problem ? cJSON_Duplicate(problem, true) : NULL;
    m->timer = evtimer_new(t->web->base, send_it, m);
    snprintf(m->kind, sizeof m->kind, "%s", kind);
    snprintf(m->id, sizeof m->id, "%s", id ? id : "");
    TAILQ_INSERT_TAIL(&t->messages, m, link);
    t->count++;
    if (is_first(m)) event_add(m->timer, &(struct timeval){0}); /* not from within the caller */
    return m;
}

void telling_tell(struct telling *t, const char *kind, const cJSON *problem)
{
    for (int i = 0; i < CHANNELS; i++)
        if (channel_is_set(t->web->conf, (enum channel)i)) put(t, (enum channel)i, kind, problem, NULL);
}

bool telling_waits(const struct telling *t, const char *key)
{
    const struct alarm_message *m;
    TAILQ_FOREACH(m, &t->messages, link)
        if (!*m->id && !m->is_over && m->problem && strcmp(fact_text(m->problem, "key"), key) == 0) return true;
    return false;
}

const char *telling_channels(struct telling *t)
{
    int n = 0;
    for (int i = 0; i < CHANNELS; i++)
        if (channel_is_set(t->web->conf, (enum channel)i))
            n += snprintf(t->channels + n, sizeof t->channels - (size_t)n, "%s\"%s\"", n ? "," : "[",
                          channel_name((enum channel)i));
    snprintf(t->channels + n, sizeof t->channels - (size_t)n, "%s", n ? "]" : "[]");
    return t->channels;
}

/* ---- what waits in PostgreSQL ---- */

static void take_row(struct telling *t, const PGresult *result, int row)
{
    const char *name = PQgetvalue(result, row, 1);
    cJSON *problem = cJSON_Parse(PQgetvalue(result, row, 3));
    int channel = 0;
    while (channel < CHANNELS - 1 && strcmp(channel_name((enum channel)channel), name) != 0) channel++;
    put(t, (enum channel)channel, PQgetvalue(result, row, 2), problem, PQgetvalue(result, row, 0));
    cJSON_Delete(problem);
}

static void on_taken(void *arg, const PGresult *result, const struct err *err)
{
    struct telling *t = arg;
    bool is_asked_again = t->is_asked_again;
    t->take = NULL;
    t->is_asked_again = false;
    for (int i = 0; !err && i < PQntuples(result); i++) take_row(t, result, i);
    if (!err && is_asked_again) telling_take(t);
}

void telling_take(struct telling *t)
{
    struct alarm_message *m;
    struct buf ids = {0};
    t->is_asked_again = t->take != NULL;
    if (t->take || !can_write(t->web)) return;
    buf_char(&ids, '{');
    TAILQ_FOREACH(m, &t->messages, link)
        if (*m->id) buf_printf(&ids, "%s%s", ids.len > 1 ? "," : "", m->id);
    buf_str(&ids, "}");
    if (ids.data) t->take = pool_query(t->web->pool, &query_alert_take, 1, (const char *[]){ids.data}, on_taken, t);
    buf_free(&ids);
}

static void on_take(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    telling_take(arg);
}

static void put_test(struct telling *t, enum channel channel, struct channels_test *test)
{
    struct alarm_message *m = put(t, channel, "test", NULL, NULL);
    if (m)
        m->test = test;
    else
        test->waiting--;
}

int telling_test(struct telling *t, alarms_test_fn fn, void *arg, struct err *err)
{
    int channels = 0;
    for (int i = 0; i < CHANNELS; i++) channels += channel_is_set(t->web->conf, (enum channel)i);
    if (channels == 0)
        return err_set(err, ERR_CONFIG, "nobody is told: set ALERT_WEBHOOK_URL, or SMTP_URL and ALERT_EMAIL_TO");
    if (t->count + channels > NOTES_MAX) return err_set(err, ERR_LIMIT, "too much waits to be told already");
    struct channels_test *test = calloc(1, sizeof *test);
    if (!test) return err_set(err, ERR_NOMEM, "no memory for a test");
    *test = (struct channels_test){.waiting = channels, .results = cJSON_CreateArray(), .fn = fn, .arg = arg};
    for (int i = 0; i < CHANNELS; i++)
        if (channel_is_set(t->web->conf, (enum channel)i)) put_test(t, (enum channel)i, test);
    return 0;
}

static void on_beat(void *arg, const char *why)
{
    struct telling *t = arg;
    if (why && !*t->beat_fault) log_error("HEARTBEAT_URL cannot be called: %s", why);
    if (!why && *t->beat_fault) log_info("HEARTBEAT_URL can be called again");
    snprintf(t->beat_fault, sizeof t->beat_fault, "%.230s", why ? why : "");
}

const char *telling_beat_fault(const struct telling *t)
{
    return t->beat_fault;
}

void telling_beat(struct telling *t)
{
    struct err err = {0};
    if (courier_call(t->courier, conf_str(t->web->conf, SET_HEARTBEAT_URL), NULL, on_beat, t, &err) < 0)
        on_beat(t, err.text);
}

const char *telling_fault(const struct telling *t)
{
    for (int i = 0; i < CHANNELS; i++)
        if (*t->fault[i]) return t->fault[i];
    return "";
}

bool telling_is_on(const struct web *web)
{
    for (int i = 0; i < CHANNELS; i++)
        if (channel_is_set(web->conf, (enum channel)i)) return true;
    return conf_is_set(web->conf, SET_HEARTBEAT_URL);
}

struct telling *telling_new(struct web *web)
{
    struct telling *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->web = web;
    TAILQ_INIT(&t->messages);
    t->courier = telling_is_on(web) ? courier_new(web->base) : NULL;
    t->timer = event_new(web->base, -1, EV_PERSIST, note, t);
    t->take_timer = event_new(web->base, -1, EV_PERSIST, on_take, t);
    if (t->courier && t->timer) event_add(t->timer, &(struct timeval){.tv_sec = 1});
    if (t->courier && t->take_timer) event_add(t->take_timer, &(struct timeval){.tv_sec = TAKE_S});
    if ((t->courier || !telling_is_on(web)) && t->timer && t->take_timer) return t;
    telling_free(t);
    return NULL;
}

void telling_free(struct telling *t)
{
    if (!t) return;
    courier_free(t->courier);
    if (t->timer) event_free(t->timer);
    if (t->take_timer) event_free(t->take_timer);
    for (struct alarm_message *m; (m = TAILQ_FIRST(&t->messages)) != NULL;) message_free(m);
    free(t);
}
