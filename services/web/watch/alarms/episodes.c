/* See episodes.h. Times go to PostgreSQL as "so long ago", so that clocks need not agree. */
#include "services/web/watch/alarms/episodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/store/db/pool.h"
#include "services/store/timeline.h"
#include "services/web/watch/alarms/facts.h"
#include "services/web/watch/problems/problem.h"
#include "services/web/watch/health/verdict.h"

#define LOOK_S      2
#define LASTED_MS   3000  /* shorter is none: what is not known yet at a start */
#define APART_MS    60000 /* longer between two of a key: two episodes */
#define ENDS_MS     4000  /* how often what has ended is looked for, as long; then each minute, for what others saw */
#define EPISODE_MAX 300

struct episode {
    cJSON *problem;                      /* {key, severity, part, cause} */
    int64_t began_ms, seen_ms, noted_ms; /* mono; noted: what PostgreSQL knows of seen_ms */
    int64_t sent_ms;                     /* seen_ms of the statement under way; 0 = not in it */
    TAILQ_ENTRY(episode) link;
};

struct episodes {
    struct web *web;
    struct event *timer;
    TAILQ_HEAD(episode_list, episode) list;
    int count;
    struct pool_call *call;
    int64_t ended_ms, noted_ms;
    bool is_full; /* told */
};

static void episode_free(struct episodes *e, struct episode *one)
{
    TAILQ_REMOVE(&e->list, one, link);
    e->count--;
    cJSON_Delete(one->problem);
    free(one);
}

/* ---- seeing ---- */

static struct episode *episode_of(struct episodes *e, const char *key, int64_t now)
{
    struct episode *one;
    TAILQ_FOREACH_REVERSE(one, &e->list, episode_list, link)
    if (strcmp(fact_text(one->problem, "key"), key) == 0 && now - one->seen_ms <= APART_MS) return one;
    return NULL;
}

static void see(struct episodes *e, const cJSON *problem, int64_t now)
{
    static const char *const members[] = {"key", "severity", "part", "cause"};
    struct episode *one = episode_of(e, fact_text(problem, "key"), now);
    if (!one && e->count >= EPISODE_MAX) {
        if (!e->is_full) log_warning("more goes wrong than is kept while PostgreSQL is away");
        e->is_full = true;
        return;
    }
    if (!one && (one = calloc(1, sizeof *one)) != NULL) {
        one->began_ms = now;
        TAILQ_INSERT_TAIL(&e->list, one, link);
        e->count++;
    }
    if (!one) return;
    one->seen_ms = now;
    cJSON_Delete(one->problem);
    one->problem = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        cJSON_AddStringToObject(one->problem, members[i], fact_text(problem, members[i]));
}

static void forget(struct episodes *e, int64_t now)
{
    for (struct episode *one = TAILQ_FIRST(&e->list), *next; one; one = next) {
        next = TAILQ_NEXT(one, link);
        bool has_lasted = one->seen_ms - one->began_ms >= LASTED_MS;
        bool is_over = now - one->seen_ms > APART_MS;
        if (is_over && !one->sent_ms && (!has_lasted || one->noted_ms >= one->seen_ms)) episode_free(e, one);
    }
}

/* ---- noting ---- */

static void on_ended(void *arg, const PGresult *result, const struct err *err)
{
    struct episodes *e = arg;
    (void)result, (void)err;
    e->call = NULL;
}

static void on_noted(void *arg, const PGresult *result, const struct err *err)
{
    struct episodes *e = arg;
    struct episode *one;
    (void)result;
    TAILQ_FOREACH(one, &e->list, link) {
        if (!err && one->sent_ms) one->noted_ms = one->sent_ms;
        one->sent_ms = 0;
    }
    e->is_full = err != NULL && e->is_full;
    if (!err) e->noted_ms = mono_ms();
    e->call = err ? NULL : pool_query(e->web->pool, &query_episodes_end, 0, NULL, on_ended, e);
}

static bool is_in(const cJSON *rows, const char *key)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
        if (strcmp(fact_text(row, "key"), key) == 0) return true;
    return false;
}

/* Of one key the oldest first: each has its turn. */
static cJSON *rows_to_note(struct episodes *e, int64_t now)
{
    struct episode *one;
    cJSON *rows = cJSON_CreateArray();
    TAILQ_FOREACH(one, &e->list, link) {
        bool is_news = one->seen_ms - one->began_ms >= LASTED_MS && one->noted_ms < one->seen_ms;
        if (!is_news || is_in(rows, fact_text(one->problem, "key"))) continue;
        cJSON *row = cJSON_Duplicate(one->problem, true);
        cJSON_AddNumberToObject(row, "began_s", (double)(now - one->began_ms) / 1000);
        cJSON_AddNumberToObject(row, "seen_s", (double)(now - one->seen_ms) / 1000);
        cJSON_AddItemToArray(rows, row);
        one->sent_ms = one->seen_ms;
    }
    return rows;
}

static void note(struct episodes *e, int64_t now)
{
    const struct web *web = e->web;
    if (e->call || !web->pool || !web->verdict->is_db_up || web->verdict->migrations.state != MIGRATIONS_DONE) return;
    cJSON *rows = rows_to_note(e, now);
    char *text = rows->child ? cJSON_PrintUnformatted(rows) : NULL;
    if (text) {
        e->call = pool_query(web->pool, &query_episodes_note, 1, (const char *[]){text}, on_noted, e);
    } else if (!rows->child && now - e->ended_ms > (now - e->noted_ms < APART_MS ? ENDS_MS : APART_MS)) {
        e->ended_ms = now;
        e->call = pool_query(web->pool, &query_episodes_end, 0, NULL, on_ended, e);
    }
    free(text);
    cJSON_Delete(rows);
}

static void look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct episodes *e = arg;
    int64_t now = mono_ms();
    const cJSON *problem;
    cJSON_ArrayForEach(problem, fact(facts_verdict(e->web->facts), "problems")) see(e, problem, now);
    note(e, now);
    forget(e, now);
}

struct episodes *episodes_new(struct web *web)
{
    struct episodes *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->web = web;
    e->noted_ms = mono_ms(); /* one before us may have left some open */
    TAILQ_INIT(&e->list);
    e->timer = event_new(web->base, -1, EV_PERSIST, look, e);
    if (e->timer && event_add(e->timer, &(struct timeval){.tv_sec = LOOK_S}) == 0) return e;
    episodes_free(e);
    return NULL;
}

void episodes_free(struct episodes *e)
{
    if (!e) return;
    if (e->timer) event_free(e->timer);
    for (struct episode *one; (one = TAILQ_FIRST(&e->list)) != NULL;) episode_free(e, one);
    free(e);
}
