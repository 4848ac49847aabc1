/* See versions.h. */
#include "services/web/versions.h"

#include <stdlib.h>
#include <string.h>

#include "services/store/reads.h"

struct waiter {
    versions_fn fn;
    void *arg;
};
struct waiters {
    struct waiter *list;
    int count, size;
};

struct versions {
    struct web *web;
    struct waiters asked, next; /* of the statement under way, and those who came after it left */
    bool is_asking;
};

static const char *const names[VERSION_COUNT] = {"directories", "projects",        "phases",
                                                 "elevations",  "elevation_glass", "object_sync_configs",
                                                 "clients",     "admin_sessions"};

struct versions *versions_new(struct web *web)
{
    struct versions *v = calloc(1, sizeof(*v));
    if (v) v->web = web;
    return v;
}

void versions_free(struct versions *v)
{
    if (!v) return;
    free(v->asked.list);
    free(v->next.list);
    free(v);
}

static void on_versions(void *arg, const PGresult *result, const struct err *err);

static void ask(struct versions *v)
{
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

static void on_versions(void *arg, const PGresult *result, const struct err *err)
{
    struct versions *v = arg;
    struct table_versions found = {0};
    for (int row = 0; result && row < PQntuples(result); row++)
        for (int i = 0; i < VERSION_COUNT; i++)
            if (strcmp(PQgetvalue(result, row, 0), names[i]) == 0)
                found.of[i] = strtoll(PQgetvalue(result, row, 1), NULL, 10);
    for (int i = 0; i < v->asked.count; i++) v->asked.list[i].fn(v->asked.list[i].arg, err ? NULL : &found, err);
    v->asked.count = 0;
    v->is_asking = false;
    if (v->next.count > 0) ask(v);
}

void versions_get(struct versions *v, versions_fn fn, void *arg)
{
    struct waiters *w = &v->next;
    if (w->count == w->size) {
        int size = w->size ? w->size * 2 : 16;
        struct waiter *grown = realloc(w->list, (size_t)size * sizeof(*grown));
        if (!grown) abort();
        w->list = grown;
        w->size = size;
    }
    w->list[w->count++] = (struct waiter){fn, arg};
    if (!v->is_asking) ask(v);
}
