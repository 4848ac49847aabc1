/* See gather.h. Two rounds: what all chains need together with a search for what is meant, then the subject itself. */
#include "services/why/gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/store/web/watch/history_read.h"
#include "services/store/web/watch/why_read.h"
#include "services/why/explain.h"
#include "services/why/link.h"
#include "services/why/own.h"
#include "services/why/subject.h"

#define PATIENCE_MS  4000
#define FOUND_MOST   "50" /* SUBJECT_MOST as text */
#define LISTED_MOST  1000
#define LOOKED_AT    50000
#define CALLS_MAX    16
#define UNKNOWN_SIZE 800

/* One question on its way. What it finds becomes facts[place][key], or facts[key] without a place. */
struct call {
    struct why_ask *ask;
    const char *place, *key;
};

struct why_ask {
    struct why_sources from;
    struct subject subject;
    bool is_over; /* told, or forgotten: the calls that are left are waited for */
    cJSON *facts, *candidates;
    struct call calls[CALLS_MAX];
    int count, waiting;
    int round;
    struct event *timer;
    why_fn fn;
    void *arg;
    struct why_ask *next, **link; /* all of them, for the end of the process */
};

static struct why_ask *asks;

static void ask_free(struct why_ask *a)
{
    *a->link = a->next;
    if (a->next) a->next->link = a->link;
    if (a->timer) event_free(a->timer);
    cJSON_Delete(a->facts);
    cJSON_Delete(a->candidates);
    free(a);
}

static void tell(struct why_ask *a)
{
    char unknown[UNKNOWN_SIZE] = "";
    if (a->is_over) return;
    a->is_over = true;
    bool is_found = cJSON_GetArraySize(a->candidates) == 1, is_nothing = !a->candidates || !a->candidates->child;
    if (is_nothing) subject_unknown(&a->subject, a->facts, unknown, sizeof unknown);
    cJSON *chain = is_found ? why_explain(a->facts) : NULL;
    a->fn(a->arg, &(struct why_answer){.chain = chain,
                                       .candidates = a->candidates,
                                       .unknown = unknown,
                                       .is_unsure = is_nothing && subject_is_unsure(&a->subject, a->facts)});
    cJSON_Delete(chain);
}

static void ask_subject(struct why_ask *a);

static void settle(struct why_ask *a)
{
    if (--a->waiting > 0) return;
    if (!a->is_over && a->round == 1) {
        ask_subject(a); /* which settles, at the end */
        return;
    }
    tell(a);
    ask_free(a);
}

/* Gathering takes too long: what is there has to do. */
static void on_late(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct why_ask *a = arg;
    static const char late[] = "it did not answer within 4 s";
    for (int i = 0; i < 2; i++) {
        cJSON *store = cJSON_GetObjectItemCaseSensitive(a->facts, i == 0 ? "database" : "redis");
        bool is_silent = fact_is(store, "is_used") && !fact_is(store, "is_up") && !*fact_text(store, "why");
        if (is_silent) cJSON_ReplaceItemInObjectCaseSensitive(store, "why", cJSON_CreateString(late));
    }
    if (a->round == 1) {
        a->candidates = subject_candidates(&a->subject, a->facts);
        own_choose(a->facts, a->candidates);
    }
    tell(a);
}

/* ---- what is found ---- */

static void note_store(struct why_ask *a, const char *name, const struct err *err)
{
    cJSON *store = cJSON_GetObjectItemCaseSensitive(a->facts, name);
    bool is_first = !*fact_text(store, "why") && !fact_is(store, "is_up");
    if (!is_first || (err && err->code == ERR_INPUT)) return; /* that is the question's fault */
    cJSON_ReplaceItemInObjectCaseSensitive(store, "is_up", cJSON_CreateBool(!err));
    if (err) cJSON_ReplaceItemInObjectCaseSensitive(store, "why", cJSON_CreateString(err->text));
}

static void found(struct call *c, cJSON *json)
{
    struct why_ask *a = c->ask;
    cJSON *to = a->facts;
    if (c->place && !(to = cJSON_GetObjectItemCaseSensitive(a->facts, c->place)))
        to = cJSON_AddObjectToObject(a->facts, c->place);
    if (json && !a->is_over && !fact(to, c->key))
        cJSON_AddItemToObject(to, c->key, json);
    else
        cJSON_Delete(json);
    settle(a);
}

static struct call *call_new(struct why_ask *a, const char *place, const char *key)
{
    struct call *c = &a->calls[a->count++];
    *c = (struct call){.ask = a, .place = place, .key = key};
    a->waiting++;
    return c;
}

/* ---- PostgreSQL ---- */

static void on_rows(void *arg, const PGresult *result, const struct err *err)
{
    struct call *c = arg;
    note_store(c->ask, "database", err);
    bool has_json = !err && PQntuples(result) > 0 && !PQgetisnull(result, 0, 0);
    found(c, has_json ? cJSON_Parse(PQgetvalue(result, 0, 0)) : NULL);
}

static void ask_sql(struct why_ask *a, const char *key, const struct query *query, int n, const char *const *values)
{
    if (!a->from.pool) return;
    struct call *c = call_new(a, NULL, key);
    if (!pool_query(a->from.pool, query, n, values, on_rows, c)) found(c, NULL);
}

/* ---- Redis ---- */

static void on_stats(void *arg, const struct queue_stats *stats, const struct err *err)
{
    struct call *c = arg;
    note_store(c->ask, "redis", err);
    found(c, err ? NULL : own_stats(stats));
}

static void on_list(void *arg, const cJSON *entries, const struct err *err)
{
    struct call *c = arg;
    note_store(c->ask, "redis", err);
    found(c, err ? NULL : cJSON_Duplicate(entries, true));
}

static void on_swept(void *arg, int64_t count, bool is_whole, const cJSON *entries, const struct err *err)
{
    (void)count, (void)is_whole;
    on_list(arg, entries, err);
}

static void on_result(void *arg, const struct result *result, const struct err *err)
{
    struct call *c = arg;
    note_store(c->ask, "redis", err);
    found(c, err || result->state == RESULT_PENDING ? NULL : own_result(result));
}

/* How many stand before it in its queue. */
static void on_line(void *arg, const cJSON *entries, const struct err *err)
{
    struct call *c = arg;
    const cJSON *entry;
    (void)err; /* then there are no entries */
    double before = 0;
    bool is_there = false;
    cJSON_ArrayForEach(entry, entries) {
        is_there = strcmp(fact_text(entry, "id"), c->ask->subject.name) == 0;
        if (is_there) break;
        before++;
    }
    found(c, is_there || before == LISTED_MOST ? cJSON_CreateNumber(before) : NULL);
}

static void refused(struct call *c, const struct err *err)
{
    note_store(c->ask, "redis", err);
    found(c, NULL);
}

static void ask_list(struct why_ask *a, const char *place, const char *key, enum queue_view view, const char *queue,
                     queue_list_fn fn)
{
    struct err err = {0};
    struct call *c = call_new(a, place, key);
    if (queue_list(a->from.queue, view, queue, 0, LISTED_MOST, fn, c, &err) != 0) refused(c, &err);
}

static void ask_sweep(struct why_ask *a, const char *key, enum queue_view view)
{
    struct err err = {0};
    struct queue_sweep what = {.view = view, .text = a->subject.name, .wanted = 10, .most = LOOKED_AT};
    struct call *c = call_new(a, "task", key);
    if (queue_sweep(a->from.queue, &what, SWEEP_LOOK, on_swept, c, &err) != 0) refused(c, &err);
}

static void ask_redis(struct why_ask *a)
{
    struct err err = {0};
    bool may_be_task = subject_may_be_task(&a->subject);
    struct call *c = call_new(a, NULL, "stats");
    if (queue_stats(a->from.queue, on_stats, c, &err) != 0) refused(c, &err);
    ask_list(a, NULL, "workers", QUEUE_WORKERS, NULL, on_list);
    c = call_new(a, NULL, "marks");
    if (queue_marks(a->from.queue, may_be_task ? a->subject.name : NULL, on_list, c, &err) != 0) refused(c, &err);
    if (!may_be_task) return;
    c = call_new(a, "task", "result");
    if (result_get(a->from.queue, a->subject.name, on_result, c, &err) != 0) refused(c, &err);
    ask_list(a, "task", "unacked", QUEUE_UNACKED, NULL, on_list);
    ask_sweep(a, "waiting", QUEUE_WAITING);
    ask_sweep(a, "scheduled", QUEUE_SCHEDULED);
    ask_sweep(a, "dead", QUEUE_DEAD);
}

/* ---- the two rounds ---- */

static void ask_plant(struct why_ask *a)
{
    a->round = 1;
    a->waiting = 1;
    ask_sql(a, "plant", &query_why_plant, 0, NULL);
    if (subject_may_be_object(&a->subject))
        ask_sql(a, "found", &query_why_find, 3, (const char *[]){a->subject.name, a->subject.kind, FOUND_MOST});
    if (subject_may_be_task(&a->subject))
        ask_sql(a, "history", &query_history_task, 1, (const char *[]){a->subject.name});
    if (a->from.queue && !a->from.redis_is_down) ask_redis(a);
    settle(a);
}

static void ask_subject(struct why_ask *a)
{
    static const struct {
        const char *kind;
        const struct query *query;
    } objects[] = {
        {"directory", &query_why_directory}, {"project", &query_why_project}, {"elevation", &query_why_elevation}};
    a->round = 2;
    a->waiting = 1;
    a->candidates = subject_candidates(&a->subject, a->facts);
    own_choose(a->facts, a->candidates);
    const char *kind = fact_text(a->facts, "kind"), *key = fact_text(a->facts, "key");
    for (size_t i = 0; i < 3; i++)
        if (strcmp(objects[i].kind, kind) == 0) ask_sql(a, "object", objects[i].query, 1, (const char *[]){key + 1});
    const cJSON *waits = why_find(fact(fact(a->facts, "task"), "waiting"), "id", key);
    if (strcmp(kind, "task") == 0 && waits)
        ask_list(a, "task", "before", QUEUE_WAITING, fact_text(waits, "queue"), on_line);
    settle(a);
}

static void on_begin(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct why_ask *a = arg;
    event_assign(a->timer, a->from.base, -1, 0, on_late, a);
    event_add(a->timer, &(struct timeval){.tv_sec = PATIENCE_MS / 1000});
    ask_plant(a);
}

struct why_ask *why_ask(const struct why_sources *sources, const char *of, bool objects_only, why_fn fn, void *arg)
{
    struct why_ask *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    *a = (struct why_ask){.from = *sources, .fn = fn, .arg = arg};
    a->next = asks;
    a->link = &asks;
    if (asks) asks->link = &a->next;
    asks = a;
    subject_read(of, &a->subject);
    a->subject.objects_only = objects_only;
    a->facts = own_facts(sources, of);
    a->timer = event_new(sources->base, -1, 0, on_begin, a);
    if (!a->timer) {
        ask_free(a);
        return NULL;
    }
    event_active(a->timer, 0, 0);
    return a;
}

void why_ask_forget(struct why_ask *a)
{
    a->is_over = true;
}

void why_asks_free(void)
{
    while (asks) ask_free(asks);
}
