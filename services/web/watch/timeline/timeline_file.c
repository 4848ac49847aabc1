/* See timeline_file.h. */
#include "services/web/watch/timeline/timeline_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "ipc/flight.h"
#include "services/web/watch/problems/problem.h"
#include "services/web/watch/health/verdict.h"

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0) return true;
    return false;
}

static const char *severity_of(const char *event)
{
    static const char *const wrong[] = {"exit", "crash-loop", "hung", "gave-up", "died", "reload-refused", NULL};
    static const char *const look[] = {"memory", "asleep", "held", "stop", NULL};
    return is_one_of(event, wrong) ? "wrong" : is_one_of(event, look) ? "look" : "";
}

/* The version that began last, as far as the file tells. */
static const char *kind_of(const cJSON *event, const char **version)
{
    static const char *const memory[] = {"memory", "reading", NULL}, *const begun[] = {"start", "exec", NULL};
    const char *what = fact_text(event, "event"), *now = fact_text(event, "version");
    if (is_one_of(what, memory)) return "memory";
    bool is_other = is_one_of(what, begun) && **version && strcmp(*version, now) != 0;
    if (is_one_of(what, begun)) *version = now;
    return is_other ? "deployment" : "process";
}

static void add(cJSON *to, const char *name, const char *text)
{
    if (*text) cJSON_AddStringToObject(to, name, text);
}

static cJSON *row_of(const cJSON *event, const char *kind, const char *id)
{
    char at[CLOCK_TEXT_SIZE];
    const char *child = fact_text(event, "child"), *what = fact_text(event, "event");
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "at", clock_iso_ms(fact_whole(event, "at_ms"), at));
    cJSON_AddStringToObject(row, "id", id);
    cJSON_AddStringToObject(row, "kind", kind);
    cJSON_AddStringToObject(row, "what", what);
    cJSON_AddStringToObject(row, "subject", *child ? child : "supervisor");
    cJSON_AddStringToObject(row, "text", fact_text(event, "text"));
    add(row, "detail", fact_text(event, "detail"));
    add(row, "severity", severity_of(what));
    cJSON_AddStringToObject(row, "host", fact_text(event, "host"));
    return row;
}

struct timeline_window {
    int64_t since_ms, until_ms, before_us; /* before: of a cursor */
    const char *before_id;
};

static int64_t time_of(const char *text, int64_t otherwise_ms)
{
    int64_t us;
    return text && *text && clock_parse_iso(text, &us) == 0 ? us / 1000 : otherwise_ms;
}

static bool is_within(const struct timeline_window *w, int64_t at_ms, const char *id)
{
    if (at_ms < w->since_ms || at_ms >= w->until_ms) return false;
    if (!w->before_id) return true;
    return at_ms * 1000 < w->before_us || (at_ms * 1000 == w->before_us && strcmp(id, w->before_id) < 0);
}

static bool is_wanted(const char *kind, const char *what, const char *asked)
{
    return asked && *asked ? strcmp(kind, asked) == 0 : strcmp(what, "reading") != 0;
}

/* The newest first; of one moment as PostgreSQL has them. */
static int compare(const void *a, const void *b)
{
    const cJSON *const *x = a, *const *y = b;
    int by_time = strcmp(fact_text(*y, "at"), fact_text(*x, "at"));
    return by_time ? by_time : strcmp(fact_text(*y, "id"), fact_text(*x, "id"));
}

static cJSON *page_of(cJSON **rows, size_t count, int limit)
{
    cJSON *out = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(out, "events");
    if (count > 1) qsort(rows, count, sizeof(cJSON *), compare);
    for (size_t i = 0; i < count; i++) {
        if (i < (size_t)limit)
            cJSON_AddItemToArray(list, rows[i]);
        else
            cJSON_Delete(rows[i]);
    }
    if (count > (size_t)limit && limit > 0) {
        const cJSON *last = cJSON_GetArrayItem(list, limit - 1);
        char next[160];
        int64_t us = 0;
        clock_parse_iso(fact_text(last, "at"), &us);
        snprintf(next, sizeof next, "%" PRId64 "-%s", us, fact_text(last, "id"));
        cJSON_AddStringToObject(out, "next", next);
    }
    return out;
}

cJSON *timeline_from_file(const struct web *web, const struct timeline_filter *f)
{
    const char *dash = f->before && *f->before ? strchr(f->before, '-') : NULL, *version = "";
    struct timeline_window w = {.since_ms = time_of(f->since, INT64_MIN), .until_ms = time_of(f->until, INT64_MAX)};
    if (dash) {
        w.before_us = strtoll(f->before, NULL, 10);
        w.before_id = dash + 1;
    }
    cJSON *events = flight_read(conf_str(web->conf, SET_RUN_DIR), NULL, NULL);
    const cJSON *event;
    size_t count = 0;
    cJSON **rows = calloc((size_t)cJSON_GetArraySize(events) + 1, sizeof(cJSON *));
    cJSON_ArrayForEach(event, events) {
        char id[80];
        snprintf(id, sizeof id, "p:%s:%013" PRId64, fact_text(event, "source"), fact_whole(event, "n"));
        const char *kind = kind_of(event, &version);
        bool is_in =
            is_wanted(kind, fact_text(event, "event"), f->kind) && is_within(&w, fact_whole(event, "at_ms"), id);
        if (rows && is_in) rows[count++] = row_of(event, kind, id);
    }
    cJSON *out = page_of(rows, count, f->limit);
    cJSON_AddFalseToObject(out, "is_whole");
    free(rows);
    cJSON_Delete(events);
    return out;
}

const char *timeline_why_not(const struct web *web)
{
    const struct verdict *v = web->verdict;
    static char why[400];
    if (!web->pool) return "PostgreSQL is not configured: set DATABASE_URL";
    if (!v->is_db_up) {
        snprintf(why, sizeof why, "PostgreSQL cannot be used: %.300s", v->db_why);
        return why;
    }
    if (v->migrations.state == MIGRATIONS_MISSING) return "the database has not been migrated";
    return NULL;
}
