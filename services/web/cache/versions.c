/* The version counters of the tables, asked by one statement for all requests that wait for them. The statement leaves
 * at the end of the loop's turn, so that all requests that were read in one turn share it: sent with the first of them,
 * it would have answered that one alone, and the others would have waited for a second one. */
#include "services/web/cache/versions.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "conf/clock.h"
#include "conf/text/hash.h"
#include "services/store/web/access/access_read.h"

#define SLOTS_MANY 128   /* each costs a row of the statement that every request waits for */
#define GATHER_MS  60000 /* between two attempts */

struct version_waiter {
    versions_fn fn;
    void *arg;
};
struct waiters {
    struct version_waiter *list;
    int count, size;
};

struct versions {
    struct web *web;
    struct waiters asked, next; /* of the statement under way, and those who came after it left */
    bool is_asking;
    struct event *turn_end;     /* asks for all who came in this turn */
    int64_t gathered_ms;        /* when slots were last gathered; 0 = never */
    char *text;                 /* the last answer; NULL: there was none */
    struct table_versions read; /* what it says */
    int slots;                  /* that it tells of */
};

static const char *const names[VERSION_COUNT] = {"directories", "projects",        "phases",
                                                 "elevations",  "elevation_glass", "object_sync_configs",
                                                 "clients",     "admin_sessions"};

static void on_versions(void *arg, const PGresult *result, const struct err *err);

static void ask(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct versions *v = arg;
    if (v->is_asking || v->next.count == 0) return;
    struct waiters swap = v->asked;
    v->asked = v->next;
    v->next = swap;
    v->next.count = 0;
    v->is_asking = true;
    if (pool_query(v->web->pool, &query_table_versions, 0, NULL, on_versions, v)) return;
    struct err err = {0};
    err_set(&err, ERR_LIMIT, "no memory");
    on_versions(v, NULL, &err);
}

static void ignore(void *arg, const PGresult *result, const struct err *err)
{
    (void)arg, (void)result, (void)err;
}

/* Writers leave a slot each; those of the dead are put together before they are many. */
static void gather(struct versions *v)
{
    if (v->slots < SLOTS_MANY) return;
    int64_t now = mono_ms();
    if (v->gathered_ms && now - v->gathered_ms < GATHER_MS) return;
    v->gathered_ms = now;
    pool_query(v->web->pool, &query_versions_gather, 0, NULL, ignore, NULL);
}

/* The place of "NAME=COUNT" in the table; VERSION_COUNT: a name that nobody asks for. */
static int place_of(const char *slot)
{
    int i = 0;
    for (size_t len = strcspn(slot, "="); i < VERSION_COUNT; i++)
        if (strlen(names[i]) == len && memcmp(names[i], slot, len) == 0) break;
    return i;
}

/* See query_table_versions. Between two changes, which is nearly always, it is the text of before. */
static const struct table_versions *versions_read(struct versions *v, const char *text)
{
    if (v->text && strcmp(v->text, text) == 0) return &v->read;
    size_t len = strcspn(text, ",");
    int64_t base = (int64_t)(hash_bytes(text, len) & 0x3fffffffffffffff);
    for (int i = 0; i < VERSION_COUNT; i++) v->read.of[i] = base;
    v->slots = 0;
    for (const char *at = text + len; *at; at += strcspn(at, ","), v->slots++) {
        int place = place_of(++at);
        at += strcspn(at, "=,");
        if (*at == '=' && place < VERSION_COUNT) v->read.of[place] += strtoll(at + 1, NULL, 10);
    }
    free(v->text);
    v->text = strdup(text); /* NULL without memory: the next one is read as well */
    return &v->read;
}

static void on_versions(void *arg, const PGresult *result, const struct err *err)
{
    struct versions *v = arg;
    struct table_versions found = {0};
    if (!err) {
        found = *versions_read(v, PQgetvalue(result, 0, 0));
        gather(v);
    }
    for (int i = 0; i < v->asked.count; i++) v->asked.list[i].fn(v->asked.list[i].arg, err ? NULL : &found, err);
    v->asked.count = 0;
    v->is_asking = false;
    if (v->next.count > 0) event_active(v->turn_end, EV_TIMEOUT, 0);
}

struct versions *versions_new(struct web *web)
{
    struct versions *v = calloc(1, sizeof *v);
    if (!v) return NULL;
    v->web = web;
    v->turn_end = event_new(web->base, -1, 0, ask, v);
    if (!v->turn_end) {
        free(v);
        return NULL;
    }
    return v;
}

void versions_free(struct versions *v)
{
    if (!v) return;
    event_free(v->turn_end);
    free(v->asked.list);
    free(v->next.list);
    free(v->text);
    free(v);
}

void versions_get(struct versions *v, versions_fn fn, void *arg)
{
    struct waiters *w = &v->next;
    if (w->count == w->size) {
        int size = w->size ? w->size * 2 : 16;
        struct version_waiter *grown = realloc(w->list, (size_t)size * sizeof *grown);
        if (!grown) abort();
        w->list = grown;
        w->size = size;
    }
    w->list[w->count++] = (struct version_waiter){fn, arg};
    if (!v->is_asking) event_active(v->turn_end, EV_TIMEOUT, 0);
}

static void leave(struct waiters *w, const void *arg)
{
    for (int i = w->count - 1; i >= 0; i--)
        if (w->list[i].arg == arg) w->list[i] = w->list[--w->count];
}

void versions_forget(struct versions *v, const void *arg)
{
    leave(&v->asked, arg);
    leave(&v->next, arg);
}
