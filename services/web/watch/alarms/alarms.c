/* See alarms.h. An alarm lives as long as its problem, and a little longer, so that one that comes and goes is one. */
#include "services/web/watch/alarms/alarms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/store/db/pool.h"
#include "services/store/web/watch/alerts_sql.h"
#include "services/web/watch/alarms/facts.h"
#include "services/web/watch/problems/problem.h"
#include "services/web/watch/alarms/telling.h"
#include "services/web/watch/alarms/told_alone.h"
#include "services/web/watch/health/verdict.h"

#define LOOK_S     2
#define GONE_MS    10000 /* not there for so long: over */
#define AGAIN_MS   10000 /* asked anew, after silence or another's word */
#define ORPHANS_MS 30000
#define YOUNG_MS   60000 /* what a process that has just begun does not see may be there all the same */

struct alarm {
    struct alarms *alarms;
    char *key;
    cJSON *problem;
    int64_t first_ms, seen_ms, next_ms; /* mono time; next: of a claim */
    bool is_told;                       /* by this process, or another one */
    bool is_own;                        /* without PostgreSQL: nobody else knows, but for a file (told_alone.h) */
    bool is_heard;                      /* of what is our own: no channel waits for it any more */
    bool is_over;                       /* our own, and its end is on its way */
    bool is_silenced;
    struct pool_call *call;
    LIST_ENTRY(alarm) link;
};

struct end { /* of which PostgreSQL is asked whose it is to tell */
    struct alarms *alarms;
    char *key;
    LIST_ENTRY(end) link;
};

struct alarms {
    struct web *web;
    struct event *timer;
    struct telling *telling;
    struct told_alone *alone;
    LIST_HEAD(alarm_list, alarm) list;
    LIST_HEAD(end_list, end) ends;
    struct pool_call *orphans;
    int64_t begun_ms, orphans_ms, beat_ms;
};

static bool can_claim(const struct alarms *a)
{
    return a->web->pool && a->web->verdict->is_db_up && a->web->verdict->migrations.state == MIGRATIONS_DONE;
}

static bool is_worth_it(const struct alarms *a, const cJSON *problem)
{
    return strcmp(conf_str(a->web->conf, SET_ALERT_SEVERITY), "look") == 0 ||
           problem_severity(problem) != SEVERITY_LOOK;
}

static void alarm_free(struct alarm *m)
{
    LIST_REMOVE(m, link);
    cJSON_Delete(m->problem);
    free(m->key);
    free(m);
}

/* ---- beginning ---- */

static void keep_own(struct alarms *a)
{
    struct alarm *m;
    cJSON *own = cJSON_CreateArray();
    LIST_FOREACH(m, &a->list, link) {
        if (!m->is_own) continue;
        cJSON *problem = cJSON_Duplicate(m->problem, true);
        cJSON_AddBoolToObject(problem, "is_heard", m->is_heard || m->is_over);
        cJSON_AddItemToArray(own, problem);
    }
    told_alone_write(a->alone, own);
    cJSON_Delete(own);
}

/* What no channel waits for any more. */
static void note_heard(struct alarms *a)
{
    bool is_news = false;
    for (struct alarm *m = LIST_FIRST(&a->list), *next; m; m = next) {
        next = LIST_NEXT(m, link);
        if (!m->is_own || !m->is_told || m->is_heard || telling_waits(a->telling, m->key)) continue;
        is_news = m->is_heard = true;
        if (m->is_over) alarm_free(m);
    }
    if (is_news) keep_own(a);
}

static void on_claimed(void *arg, const PGresult *result, const struct err *err)
{
    struct alarm *m = arg;
    m->call = NULL;
    const char *what = !err && PQntuples(result) ? PQgetvalue(result, 0, 0) : "";
    m->next_ms = mono_ms() + AGAIN_MS;
    m->is_silenced = strcmp(what, "silenced") == 0;
    if (err || m->is_silenced) return;
    m->is_told = true;
    if (m->is_own) {
        m->is_own = m->is_heard = false;
        keep_own(m->alarms);
    }
    telling_take(m->alarms->telling);
}

static void claim(struct alarm *m)
{
    struct alarms *a = m->alarms;
    char repeat[24];
    snprintf(repeat, sizeof repeat, "%lld", (long long)conf_int(a->web->conf, SET_ALERT_REPEAT));
    if (can_claim(a)) {
        char *text = cJSON_PrintUnformatted(m->problem);
        const char *values[] = {m->key,
                                fact_text(m->problem, "severity"),
                                fact_text(m->problem, "cause"),
                                fact_text(m->problem, "since"),
                                repeat,
                                text,
                                m->is_own && m->is_told ? "[]" : telling_channels(a->telling)};
        m->call = text ? pool_query(a->web->pool, &query_alert_claim, 7, values, on_claimed, m) : NULL;
        free(text);
        return;
    }
    if (m->is_told) return;
    m->is_told = m->is_own = true;
    keep_own(a);
    telling_tell(a->telling, "problem", m->problem);
}

/* What was told while PostgreSQL was away it knows from now on, so that the end is told though this process goes. What
 * one that is gone had to tell, and no channel took, is told anew. */
static void hand_over(struct alarms *a)
{
    struct alarm *m;
    LIST_FOREACH(m, &a->list, link)
        if (m->is_own && !m->is_over && !m->call && mono_ms() >= m->next_ms &&
            (!m->is_told || (m->is_heard && can_claim(a))))
            claim(m);
}

static struct alarm *alarm_of(struct alarms *a, const cJSON *problem)
{
    const char *key = fact_text(problem, "key");
    struct alarm *m;
    LIST_FOREACH(m, &a->list, link)
        if (!m->is_over && strcmp(m->key, key) == 0) return m;
    m = calloc(1, sizeof *m);
    if (!m || !(m->key = strdup(key))) {
        free(m);
        return NULL;
    }
    m->alarms = a;
    m->first_ms = mono_ms();
    LIST_INSERT_HEAD(&a->list, m, link);
    return m;
}

/* Told by one that is gone, or on its way when it went. */
static void take_over(void *arg, const cJSON *problems)
{
    struct alarms *a = arg;
    const cJSON *problem;
    cJSON_ArrayForEach(problem, problems) {
        struct alarm *m = alarm_of(a, problem);
        if (!m || m->is_told) continue;
        cJSON_Delete(m->problem);
        m->problem = cJSON_Duplicate(problem, true);
        m->seen_ms = mono_ms();
        m->is_own = true;
        m->is_told = m->is_heard = fact_is(problem, "is_heard");
        cJSON_DeleteItemFromObject(m->problem, "is_heard");
    }
    keep_own(a);
}

static void take_problem(struct alarms *a, const cJSON *problem)
{
    struct alarm *m = is_worth_it(a, problem) ? alarm_of(a, problem) : NULL;
    int64_t now = mono_ms(), after_ms = conf_int(a->web->conf, SET_ALERT_AFTER) * 1000;
    if (!m) return;
    cJSON_Delete(m->problem);
    m->problem = cJSON_Duplicate(problem, true);
    m->seen_ms = now;
    if (!m->is_own && now - m->first_ms >= after_ms && now >= m->next_ms && !m->call) claim(m);
}

/* ---- ending ---- */

static void tell_over(struct alarms *a, const char *key, const char *cause)
{
    cJSON *problem = cJSON_CreateObject();
    cJSON_AddStringToObject(problem, "key", key);
    cJSON_AddStringToObject(problem, "cause", cause);
    telling_tell(a->telling, "over", problem);
    cJSON_Delete(problem);
}

static void end_free(struct end *e)
{
    LIST_REMOVE(e, link);
    free(e->key);
    free(e);
}

static void on_over(void *arg, const PGresult *result, const struct err *err)
{
    struct end *e = arg;
    if (!err && PQntuples(result) > 0) telling_take(e->alarms->telling);
    end_free(e);
}

static void end(struct alarms *a, const char *key)
{
    struct end *e = calloc(1, sizeof *e);
    if (!e) return; /* it is found among the orphans later */
    e->alarms = a;
    e->key = strdup(key);
    LIST_INSERT_HEAD(&a->ends, e, link);
    if (!e->key || !pool_query(a->web->pool, &query_alert_over, 2, (const char *[]){key, telling_channels(a->telling)},
                               on_over, e))
        end_free(e);
}

/* Nobody else knows of it: it is told from here while PostgreSQL is away, and handed over before when it is not. */
static void end_own(struct alarms *a, struct alarm *m)
{
    if (!m->is_told || (can_claim(a) && !m->is_silenced)) return;
    m->is_over = true;
    m->is_heard = false;
    tell_over(a, m->key, fact_text(m->problem, "cause"));
    keep_own(a);
}

static void end_those_gone(struct alarms *a)
{
    for (struct alarm *m = LIST_FIRST(&a->list), *next; m; m = next) {
        next = LIST_NEXT(m, link);
        if (m->is_over || m->call || mono_ms() - m->seen_ms < GONE_MS) continue;
        if (m->is_own) {
            end_own(a, m);
            continue;
        }
        if (m->is_told && !can_claim(a)) continue; /* whose it is to tell is known later */
        if (m->is_told) end(a, m->key);
        alarm_free(m);
    }
}

static void on_orphans(void *arg, const PGresult *result, const struct err *err)
{
    struct alarms *a = arg;
    a->orphans = NULL;
    for (int i = 0; !err && i < PQntuples(result); i++) end(a, PQgetvalue(result, i, 0));
}

/* Told by a process that is no more, over meanwhile. */
static void look_for_orphans(struct alarms *a)
{
    struct alarm *m;
    bool is_young = mono_ms() - a->begun_ms < YOUNG_MS;
    if (!can_claim(a) || a->orphans || is_young || mono_ms() - a->orphans_ms < ORPHANS_MS) return;
    a->orphans_ms = mono_ms();
    cJSON *keys = cJSON_CreateArray();
    LIST_FOREACH(m, &a->list, link) cJSON_AddItemToArray(keys, cJSON_CreateString(m->key));
    char *text = cJSON_PrintUnformatted(keys);
    if (text) a->orphans = pool_query(a->web->pool, &query_alert_orphans, 1, (const char *[]){text}, on_orphans, a);
    free(text);
    cJSON_Delete(keys);
}

/* ---- the heartbeat ---- */

static void beat(struct alarms *a, const cJSON *verdict)
{
    const char *state = fact_text(verdict, "state");
    bool is_well = strcmp(state, "fresh") == 0 || strcmp(state, "look") == 0;
    int64_t every_ms = conf_int(a->web->conf, SET_HEARTBEAT_EVERY) * 1000;
    if (!is_well || !conf_is_set(a->web->conf, SET_HEARTBEAT_URL)) return;
    if (a->beat_ms && mono_ms() - a->beat_ms < every_ms) return;
    a->beat_ms = mono_ms();
    telling_beat(a->telling);
}

static void look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct alarms *a = arg;
    const cJSON *verdict = facts_verdict(a->web->facts), *problem;
    cJSON_ArrayForEach(problem, fact(verdict, "problems")) take_problem(a, problem);
    told_alone_take(a->alone, take_over, a);
    note_heard(a);
    hand_over(a);
    end_those_gone(a);
    look_for_orphans(a);
    beat(a, verdict);
}

struct alarms *alarms_new(struct web *web)
{
    struct alarms *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    a->web = web;
    a->begun_ms = mono_ms();
    a->telling = telling_new(web);
    a->alone = told_alone_new(conf_str(web->conf, SET_RUN_DIR));
    if (!a->telling || !a->alone) {
        alarms_free(a);
        return NULL;
    }
    a->timer = event_new(web->base, -1, EV_PERSIST, look, a);
    if (a->timer && telling_is_on(web)) event_add(a->timer, &(struct timeval){.tv_sec = LOOK_S});
    return a;
}

void alarms_free(struct alarms *a)
{
    if (!a) return;
    if (a->timer) event_free(a->timer);
    for (struct alarm *m; (m = LIST_FIRST(&a->list)) != NULL;) alarm_free(m);
    for (struct end *e; (e = LIST_FIRST(&a->ends)) != NULL;) end_free(e);
    telling_free(a->telling);
    told_alone_free(a->alone);
    free(a);
}

const char *alarms_fault(const struct alarms *a)
{
    return a ? telling_fault(a->telling) : "";
}

const char *alarms_beat_fault(const struct alarms *a)
{
    return a ? telling_beat_fault(a->telling) : "";
}

int alarms_test(struct alarms *a, alarms_test_fn fn, void *arg, struct err *err)
{
    return telling_test(a->telling, fn, arg, err);
}
