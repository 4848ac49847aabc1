/* See facts.h. PostgreSQL is asked by two statements: one for small tables each time, one that counts now and then. */
#include "services/web/watch/alarms/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "ipc/queue/queue.h"
#include "services/store/db/pool.h"
#include "services/store/web/holds_read.h"
#include "services/store/web/watch/verdict_read.h"
#include "services/web/watch/alarms/alarms.h"
#include "services/web/watch/health/certificates.h"
#include "services/web/watch/problems/problem.h"
#include "services/web/watch/problems/problems.h"
#include "services/web/watch/health/state.h"
#include "services/web/watch/health/unkept.h"
#include "services/web/watch/health/verdict.h"

#define ASK_S       2
#define COUNT_MS    30000
#define JUDGE_MS    500 /* a judgement is taken for as long */
#define DROPS_MS    600000
#define HOLDS_SHOWN "5"

struct facts {
    struct web *web;
    struct certificates_watch *certificates;
    struct event *timer;
    struct pool_call *sync_call, *holds_call, *counts_call;
    bool is_queue_asked, is_marks_asked;
    cJSON *sync, *holds, *counts, *queues, *marks; /* NULL = not known */
    int64_t sync_ms, counts_ms;                    /* mono time of the answer; 0 = none */
    double skew_s;
    cJSON *verdict;
    int64_t judged_ms;
    cJSON *firsts; /* key of a problem -> when it was first there (text) */
    char state[16];
    int64_t state_ms; /* unix time */
    double dropped;   /* log lines, all of them */
    int64_t dropped_ms;
};

static void keep(cJSON **to, const PGresult *result)
{
    cJSON *json = PQntuples(result) ? cJSON_Parse(PQgetvalue(result, 0, 0)) : NULL;
    if (!json) return;
    cJSON_Delete(*to);
    *to = json;
}

static void on_sync(void *arg, const PGresult *result, const struct err *err)
{
    struct facts *f = arg;
    f->sync_call = NULL;
    if (err) return;
    keep(&f->sync, result);
    f->sync_ms = mono_ms();
    f->skew_s = fact_number(f->sync, "now_s") - (double)wall_ms() / 1000;
}

static void on_holds(void *arg, const PGresult *result, const struct err *err)
{
    struct facts *f = arg;
    f->holds_call = NULL;
    if (!err) keep(&f->holds, result);
}

static void on_counts(void *arg, const PGresult *result, const struct err *err)
{
    struct facts *f = arg;
    f->counts_call = NULL;
    if (err) return;
    keep(&f->counts, result);
    f->counts_ms = mono_ms();
}

static void add_queue(cJSON *list, const struct queue_depth *q)
{
    char since[CLOCK_TEXT_SIZE];
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "name", q->name);
    cJSON_AddNumberToObject(out, "depth", (double)q->depth);
    cJSON_AddNumberToObject(out, "oldest_ms", (double)q->oldest_age_ms);
    cJSON_AddBoolToObject(out, "is_paused", q->is_paused);
    if (q->is_paused) {
        cJSON_AddStringToObject(out, "paused_by", q->paused_by);
        cJSON_AddStringToObject(out, "paused_since", clock_iso_ms(q->paused_ms, since));
    }
    cJSON_AddItemToArray(list, out);
}

static void on_queues(void *arg, const struct queue_stats *stats, const struct err *err)
{
    struct facts *f = arg;
    f->is_queue_asked = false;
    cJSON_Delete(f->queues);
    f->queues = NULL;
    if (err) return;
    f->queues = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(f->queues, "queues");
    for (size_t i = 0; i < stats->count; i++) add_queue(list, &stats->queues[i]);
    cJSON_AddNumberToObject(f->queues, "unacked", (double)stats->unacked);
    cJSON_AddNumberToObject(f->queues, "dead", (double)stats->dead);
    cJSON_AddNumberToObject(f->queues, "workers", (double)stats->workers);
}

static void on_marks(void *arg, const cJSON *marks, const struct err *err)
{
    struct facts *f = arg;
    f->is_marks_asked = false;
    cJSON_Delete(f->marks);
    f->marks = err ? NULL : cJSON_Duplicate(marks, true);
}

static void ask(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct facts *f = arg;
    struct web *web = f->web;
    bool is_usable = web->pool && web->verdict->is_db_up && web->verdict->migrations.state == MIGRATIONS_DONE;
    if (is_usable && !f->sync_call) f->sync_call = pool_query(web->pool, &query_verdict_sync, 0, NULL, on_sync, f);
    if (is_usable && !f->holds_call)
        f->holds_call =
            pool_query(web->pool, &query_holds_watched, 2, (const char *[]){"open", HOLDS_SHOWN}, on_holds, f);
    if (is_usable && !f->counts_call && (!f->counts_ms || mono_ms() - f->counts_ms > COUNT_MS))
        f->counts_call = pool_query(web->pool, &query_verdict_counts, 0, NULL, on_counts, f);
    if (web->queue && !f->is_queue_asked) f->is_queue_asked = queue_stats(web->queue, on_queues, f, NULL) == 0;
    if (web->queue && !f->is_marks_asked) f->is_marks_asked = queue_marks(web->queue, NULL, on_marks, f, NULL) == 0;
    facts_verdict(f); /* so that "since" is right, though nobody asks */
}

/* ---- judging ---- */

static cJSON *copy_or_null(const cJSON *json)
{
    return json ? cJSON_Duplicate(json, true) : cJSON_CreateNull();
}

static void add_sync(const struct facts *f, cJSON *facts)
{
    if (!f->sync) return;
    cJSON *sync = cJSON_Duplicate(f->sync, true);
    cJSON_AddItemToObject(sync, "holds", copy_or_null(f->holds));
    cJSON_AddNumberToObject(sync, "elevations", fact_number(f->counts, "elevations"));
    cJSON_AddNumberToObject(sync, "unparsed", fact_number(f->counts, "unparsed"));
    cJSON_AddNumberToObject(sync, "skew_s", f->skew_s);
    cJSON_AddItemToObject(facts, "sync", sync);
    cJSON_AddNumberToObject(facts, "sync_age_ms", (double)(mono_ms() - f->sync_ms));
}

static void add_sizes(const struct facts *f, cJSON *facts)
{
    const cJSON *sizes = fact(f->counts, "sizes");
    if (!sizes) return;
    cJSON *copy = cJSON_Duplicate(sizes, true);
    cJSON_AddNumberToObject(copy, "limit_bytes", (double)conf_int(f->web->conf, SET_DATABASE_SIZE_LIMIT));
    cJSON_AddNumberToObject(copy, "now_s", (double)wall_ms() / 1000);
    cJSON_AddItemToObject(facts, "sizes", copy);
}

/* Lines that were lost long ago are no problem any more. */
static void forget_old_drops(struct facts *f, cJSON *supervisor)
{
    double dropped = fact_number(supervisor, "log_lines_dropped");
    if (dropped > f->dropped) f->dropped_ms = mono_ms();
    f->dropped = dropped;
    if (!f->dropped_ms || mono_ms() - f->dropped_ms > DROPS_MS)
        cJSON_DeleteItemFromObjectCaseSensitive(supervisor, "log_lines_dropped");
}

/* For an hour. */
static void add_went_back(cJSON *redis)
{
    char at[CLOCK_TEXT_SIZE] = "";
    int64_t at_ms = redis_went_back_ms();
    if (at_ms && wall_ms() - at_ms < 3600000) clock_iso_ms(at_ms, at);
    cJSON_AddStringToObject(redis, "went_back", at);
}

static cJSON *gather(struct facts *f)
{
    const struct web *web = f->web;
    const struct verdict *v = web->verdict;
    cJSON *facts = cJSON_CreateObject();
    cJSON_AddItemToObject(facts, "stores", state_stores(web));
    cJSON_AddItemToObject(facts, "switch", state_switch(web));
    cJSON *supervisor = state_children(web);
    forget_old_drops(f, supervisor);
    cJSON_AddItemToObject(facts, "supervisor", supervisor);
    cJSON *redis = cJSON_AddObjectToObject(facts, "redis");
    cJSON_AddStringToObject(redis, "policy", v->redis_policy);
    cJSON_AddNumberToObject(redis, "limit_bytes", (double)v->redis_limit_bytes);
    cJSON_AddBoolToObject(redis, "is_forgetful", v->is_redis_up && v->redis_keeps.is_forgetful);
    add_went_back(redis);
    if (f->queues && v->is_redis_up) cJSON_AddItemToObject(facts, "queues", cJSON_Duplicate(f->queues, true));
    if (f->marks && v->is_redis_up)
        cJSON_AddItemToObject(facts, "paused", cJSON_Duplicate(fact(f->marks, "paused"), true));
    cJSON *backlog = cJSON_AddObjectToObject(facts, "backlog");
    cJSON_AddBoolToObject(backlog, "is_stuck", backlog_is_stuck(&v->backlog, mono_ms()));
    cJSON_AddStringToObject(backlog, "queue", v->backlog.queue);
    cJSON_AddNumberToObject(backlog, "waiting", (double)v->backlog.waiting);
    add_sizes(f, facts);
    cJSON_AddStringToObject(facts, "bills", unkept_why());
    cJSON_AddStringToObject(facts, "alarms", alarms_fault(web->alarms));
    cJSON_AddStringToObject(facts, "heartbeat", alarms_beat_fault(web->alarms));
    cJSON *certificates = cJSON_AddObjectToObject(facts, "certificates");
    cJSON_AddItemToObject(certificates, "list", certificates_known(f->certificates));
    cJSON_AddNumberToObject(certificates, "now_s", (double)wall_ms() / 1000);
    cJSON *feed = cJSON_AddObjectToObject(facts, "feed");
    cJSON_AddBoolToObject(feed, "is_late", v->feed.is_late);
    cJSON_AddNumberToObject(feed, "seconds", (double)v->feed.seconds);
    cJSON_AddStringToObject(feed, "holder", v->feed.holder);
    cJSON_AddStringToObject(feed, "switched", v->feed.switched);
    add_sync(f, facts);
    return facts;
}

/* Each problem's "since": what its fact tells, else when it was first found. */
static void put_since(struct facts *f, cJSON *verdict)
{
    char now[CLOCK_TEXT_SIZE];
    cJSON *firsts = cJSON_CreateObject(), *p;
    clock_iso_ms(wall_ms(), now);
    cJSON_ArrayForEach(p, cJSON_GetObjectItem(verdict, "problems")) {
        const char *key = fact_text(p, "key"), *first = fact_text(f->firsts, key);
        if (!fact(firsts, key)) cJSON_AddStringToObject(firsts, key, *first ? first : now);
        if (!fact(p, "since")) cJSON_AddStringToObject(p, "since", *first ? first : now);
    }
    cJSON_Delete(f->firsts);
    f->firsts = firsts;
    if (strcmp(f->state, fact_text(verdict, "state")) != 0) {
        snprintf(f->state, sizeof f->state, "%s", fact_text(verdict, "state"));
        f->state_ms = wall_ms();
    }
    cJSON_AddStringToObject(verdict, "since", clock_iso_ms(f->state_ms, now));
}

const cJSON *facts_verdict(struct facts *f)
{
    if (f->verdict && mono_ms() - f->judged_ms < JUDGE_MS) return f->verdict;
    cJSON *facts = gather(f);
    cJSON_Delete(f->verdict);
    f->verdict = problems_judge(facts);
    f->judged_ms = mono_ms();
    put_since(f, f->verdict);
    cJSON_Delete(facts);
    return f->verdict;
}

struct facts *facts_new(struct web *web)
{
    struct facts *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    f->web = web;
    f->certificates = certificates_watch_new(web);
    f->timer = event_new(web->base, -1, EV_PERSIST, ask, f);
    if (f->timer && f->certificates) {
        event_add(f->timer, &(struct timeval){.tv_sec = ASK_S});
        return f;
    }
    facts_free(f);
    return NULL;
}

void facts_free(struct facts *f)
{
    if (!f) return;
    if (f->timer) event_free(f->timer);
    certificates_watch_free(f->certificates);
    cJSON *all[] = {f->sync, f->holds, f->counts, f->queues, f->marks, f->verdict, f->firsts};
    for (int i = 0; i < 7; i++) cJSON_Delete(all[i]);
    free(f);
}
