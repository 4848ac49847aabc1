/* See ui_live.h. A look has up to two askers under way, PostgreSQL and the queue; the event is made when both answered.
 * What is down is part of the state, so pages learn of an outage at once. */
#include "services/web/ui/live.h"

#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/text/utf8.h"
#include "ipc/queue/queue.h"
#include "ipc/snapshot.h"
#include "services/store/db/pool.h"
#include "services/store/ui/ui_live.h"
#include "services/store/web/access/access_read.h"
#include "services/web/gate/auth.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/http/sse.h"
#include "services/web/watch/alarms/facts.h"
#include "services/web/watch/problems/problem.h"
#include "services/web/watch/health/verdict.h"

#define LOOK_MS       1000
#define ALIVE_MS      10000
#define LISTENERS_MAX 64
#define LISTENERS_OWN 48 /* of one name, so that a viewer leaves some to the administrator */

struct listener {
    struct req *req;
    struct listener *next;
    bool is_asked; /* the statement under way names its session */
};

struct ui_live {
    struct web *web;
    struct event *timer;
    struct listener *listeners;
    int count;
    struct pool_call *call, *sessions; /* under way */
    bool is_queue_asked;
    cJSON *next; /* being put together */
    char *last;  /* the event as sent */
    int64_t sent_ms;
};

static struct ui_live *the_live; /* of this process; requests find it here */

/* ---- telling ---- */

static void tell(struct ui_live *live, const char *event, const char *data)
{
    live->sent_ms = mono_ms();
    for (struct listener *l = live->listeners, *next; l; l = next) {
        next = l->next; /* a listener that is gone takes itself out */
        sse_event(l->req, event, data);
    }
}

static void add_children(struct ui_live *live, cJSON *revisions)
{
    struct buf text = {0};
    struct snapshot *s = calloc(1, sizeof *s);
    if (s && snapshot_read(conf_str(live->web->conf, SET_RUN_DIR), s, NULL) == 0) {
        buf_printf(&text, "%d %lld", snapshot_is_stale(s, wall_ms()), (long long)(s->written_ms / 10000));
        for (int i = 0; i < s->count && i < SNAPSHOT_CHILDREN_MAX; i++)
            buf_printf(&text, " %s %s %d %d", s->children[i].name, s->children[i].state, s->children[i].pid,
                       s->children[i].is_held);
    }
    cJSON_AddStringToObject(revisions, "children", text.data ? text.data : "");
    buf_free(&text);
    free(s);
}

/* Anew when a problem comes, goes, or hits something else. */
static void add_verdict(struct ui_live *live, cJSON *revisions)
{
    struct buf text = {0};
    const cJSON *verdict = facts_verdict(live->web->facts), *p;
    buf_str(&text, fact_text(verdict, "state"));
    cJSON_ArrayForEach(p, fact(verdict, "problems"))
        buf_printf(&text, " %s %s %s %s", fact_text(p, "key"), fact_text(p, "severity"), fact_text(p, "since"),
                   fact_text(p, "hits"));
    cJSON_AddStringToObject(revisions, "verdict", text.data ? text.data : "");
    buf_free(&text);
}

static void look_over(struct ui_live *live)
{
    if (live->call || live->is_queue_asked || !live->next) return;
    const struct verdict *v = live->web->verdict;
    cJSON *revisions = cJSON_GetObjectItemCaseSensitive(live->next, "revisions");
    cJSON_AddNumberToObject(revisions, "stores", v->is_db_up + 2 * v->is_redis_up);
    add_children(live, revisions);
    add_verdict(live, revisions);
    char *text = cJSON_PrintUnformatted(live->next);
    cJSON_Delete(live->next);
    live->next = NULL;
    if (text) utf8_repair(text, strlen(text));
    if (text && (!live->last || strcmp(text, live->last) != 0)) {
        free(live->last);
        live->last = text;
        tell(live, "state", text);
        return;
    }
    free(text);
    if (mono_ms() - live->sent_ms > ALIVE_MS) tell(live, "alive", "{}");
}

/* ---- a stream ends with its session ---- */

static bool is_among(const PGresult *result, const struct who *who)
{
    for (int row = 0; row < PQntuples(result); row++)
        if (strcmp(PQgetvalue(result, row, 0), who->session) == 0)
            return strcmp(PQgetvalue(result, row, 1), who->proof) == 0;
    return false;
}

static void on_sessions(void *arg, const PGresult *result, const struct err *err)
{
    struct ui_live *live = arg;
    live->sessions = NULL;
    for (struct listener *l = live->listeners, *next; l; l = next) {
        next = l->next;
        bool is_over = l->is_asked && !err && !is_among(result, &l->req->who);
        l->is_asked = false;
        if (is_over) sse_end(l->req);
    }
}

/* What this process knows by itself is looked at first, so that a session also ends while PostgreSQL is away. */
static void check_sessions(struct ui_live *live)
{
    struct buf ids = {0};
    for (struct listener *l = live->listeners, *next; l; l = next) {
        next = l->next;
        if (!auth_session_holds(l->req)) sse_end(l->req);
    }
    if (live->sessions || !live->listeners || !live->web->pool) return;
    for (struct listener *l = live->listeners; l; l = l->next) {
        buf_printf(&ids, "%s\"%s\"", ids.len ? "," : "[", l->req->who.session);
        l->is_asked = true;
    }
    buf_char(&ids, ']');
    if (!ids.failed)
        live->sessions =
            pool_query(live->web->pool, &query_sessions_there, 1, (const char *[]){ids.data}, on_sessions, live);
    buf_free(&ids);
}

/* ---- looking ---- */

static void on_database(void *arg, const PGresult *result, const struct err *err)
{
    struct ui_live *live = arg;
    live->call = NULL;
    cJSON *found = err || PQntuples(result) == 0 ? NULL : cJSON_Parse(PQgetvalue(result, 0, 0));
    cJSON *own = cJSON_GetObjectItemCaseSensitive(live->next, "revisions");
    cJSON *theirs = cJSON_DetachItemFromObjectCaseSensitive(found, "revisions");
    while (theirs && theirs->child) {
        cJSON *each = cJSON_DetachItemViaPointer(theirs, theirs->child);
        cJSON_AddItemToObject(own, each->string, each);
    }
    cJSON_Delete(theirs);
    cJSON *runs = cJSON_DetachItemFromObjectCaseSensitive(found, "runs");
    if (runs) cJSON_AddItemToObject(live->next, "runs", runs);
    cJSON_Delete(found);
    look_over(live);
}

static void on_queues(void *arg, const struct queue_stats *stats, const struct err *err)
{
    struct ui_live *live = arg;
    struct buf text = {0};
    live->is_queue_asked = false;
    if (err) {
        buf_str(&text, "down");
    } else {
        buf_printf(&text, "%lld %lld %lld %lld", (long long)stats->unacked, (long long)stats->scheduled,
                   (long long)stats->dead, (long long)stats->workers);
        for (size_t i = 0; i < stats->count; i++)
            buf_printf(&text, " %lld %d", (long long)stats->queues[i].depth, stats->queues[i].is_paused);
    }
    cJSON_AddStringToObject(cJSON_GetObjectItemCaseSensitive(live->next, "revisions"), "queues",
                            text.data ? text.data : "");
    buf_free(&text);
    look_over(live);
}

static void look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct ui_live *live = arg;
    struct web *web = live->web;
    check_sessions(live);
    if (!live->listeners || live->next) return; /* nobody listens, or the last look is not over */
    live->next = cJSON_CreateObject();
    if (!live->next || !cJSON_AddObjectToObject(live->next, "revisions")) return;
    if (web->pool) live->call = pool_query(web->pool, &ui_query_live, 0, NULL, on_database, live);
    live->is_queue_asked = web->queue && queue_stats(web->queue, on_queues, live, NULL) == 0;
    look_over(live);
}

/* ---- listeners ---- */

static void on_closed(struct req *r)
{
    struct ui_live *live = the_live;
    for (struct listener **at = live ? &live->listeners : NULL; at && *at; at = &(*at)->next) {
        struct listener *l = *at;
        if (l->req != r) continue;
        *at = l->next;
        free(l);
        live->count--;
        return;
    }
}

static bool has_room(const struct ui_live *live, const struct req *r)
{
    int own = 0;
    for (const struct listener *l = live->listeners; l; l = l->next) own += req_is_same_owner(l->req, r);
    return live->count < LISTENERS_MAX && own < LISTENERS_OWN;
}

void web_ui_events(struct req *r)
{
    struct ui_live *live = the_live;
    struct listener *l = live && has_room(live, r) ? calloc(1, sizeof *l) : NULL;
    if (!l) {
        reply_unavailable(r, 30, "Too many pages listen; this one asks instead");
        return;
    }
    l->req = r;
    l->next = live->listeners;
    live->listeners = l;
    live->count++;
    if (!sse_begin(r, on_closed)) return;
    if (live->last)
        sse_event(r, "state", live->last);
    else
        look(-1, 0, live);
}

struct ui_live *ui_live_new(struct web *web)
{
    struct ui_live *live = calloc(1, sizeof *live);
    if (!live) return NULL;
    live->web = web;
    live->timer = event_new(web->base, -1, EV_PERSIST, look, live);
    if (live->timer) event_add(live->timer, &(struct timeval){.tv_sec = LOOK_MS / 1000});
    the_live = live;
    return live;
}

void ui_live_free(struct ui_live *live)
{
    if (!live) return;
    if (live->timer) event_free(live->timer);
    for (struct listener *l; (l = live->listeners) != NULL;) {
        live->listeners = l->next;
        free(l);
    }
    cJSON_Delete(live->next);
    free(live->last);
    free(live);
    the_live = NULL;
}
