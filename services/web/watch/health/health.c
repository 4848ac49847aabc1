/* Health: alive (always, while the loop turns), ready (what requests need is there), and in detail. Everything comes
 * from the verdict and from /proc; nothing is asked inline. */
#include "services/web/gate/handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "conf/clock.h"
#include "conf/version.h"
#include "ipc/redis/redis.h"
#include "ipc/snapshot.h"
#include "services/store/db/pool.h"
#include "services/web/http/reply.h"
#include "services/web/watch/health/verdict.h"

static cJSON *stamped(const char *status)
{
    char now[CLOCK_TEXT_SIZE];
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "status", status);
    cJSON_AddStringToObject(out, "timestamp", clock_iso_us(wall_us(), now));
    return out;
}

static void add_build(const struct web *web, cJSON *out)
{
    cJSON_AddStringToObject(out, "version", version_text);
    cJSON_AddStringToObject(out, "environment", conf_str(web->conf, SET_ENVIRONMENT));
}

void web_root(struct req *r)
{
    reply_json(r, 200, req_printf(r, "{\"message\":\"logikald\",\"version\":\"%s\"}", version_text));
}

void web_health(struct req *r)
{
    char json[128];
    snprintf(json, sizeof json, "{\"status\":\"%s\",\"version\":\"%s\"}",
             r->web->verdict->is_db_up ? "healthy" : "degraded", version_text);
    reply_json(r, 200, json);
}

void web_health_basic(struct req *r)
{
    cJSON *out = stamped(r->web->verdict->is_db_up ? "healthy" : "degraded");
    add_build(r->web, out);
    reply_cjson_take(r, 200, out);
}

void web_health_live(struct req *r)
{
    reply_cjson_take(r, 200, stamped("alive"));
}

void web_health_ready(struct req *r)
{
    const char *why = verdict_why_not_ready(r->web->verdict);
    if (why)
        reply_unavailable(r, 2, "not ready: %s", why);
    else
        reply_json(r, 200, "{\"status\":\"ready\"}");
}

/* ---- in detail ---- */

static cJSON *component(const char *name, const char *status, int64_t checked_ms)
{
    char text[CLOCK_TEXT_SIZE];
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "name", name);
    cJSON_AddStringToObject(out, "status", status);
    cJSON_AddStringToObject(out, "checked_at", clock_iso_ms(checked_ms ? checked_ms : wall_ms(), text));
    return out;
}

static cJSON *database(const struct web *web)
{
    const struct verdict *v = web->verdict;
    const struct migrations *m = &v->migrations;
    bool is_migrated = m->state != MIGRATIONS_MISSING && m->state != MIGRATIONS_FOREIGN;
    bool is_good = v->is_db_up && !*verdict_db_fault(v) && is_migrated;
    cJSON *out = component("PostgreSQL", is_good ? "healthy" : "unhealthy", v->db_checked_ms);
    cJSON_AddNumberToObject(out, "response_time_ms", v->db_ms);
    if (!v->is_db_up && !v->db_fault[0])
        cJSON_AddStringToObject(out, "error", web->pool ? "PostgreSQL is unreachable" : v->db_why);
    if (!web->pool) return out;
    if ((v->is_db_up || v->db_fault[0]) && !is_good)
        cJSON_AddStringToObject(out, "error",
                                *verdict_db_fault(v)             ? verdict_db_fault(v)
                                : m->state == MIGRATIONS_FOREIGN ? m->foreign
                                                                 : "the database is not migrated");
    cJSON_AddNumberToObject(out, "migrations_missing", m->missing);
    cJSON_AddNumberToObject(out, "migrations_newer", m->newer);
    struct pool_stats s;
    pool_stats(web->pool, &s);
    cJSON *pool = cJSON_AddObjectToObject(out, "connection_pool");
    cJSON_AddNumberToObject(pool, "size", s.size);
    cJSON_AddNumberToObject(pool, "checked_in", s.open - s.busy);
    cJSON_AddNumberToObject(pool, "checked_out", s.busy);
    cJSON_AddNumberToObject(pool, "overflow", s.waiting);
    cJSON_AddNumberToObject(pool, "invalid", 0);
    return out;
}

static cJSON *redis_component(const struct web *web)
{
    const struct verdict *v = web->verdict;
    if (!v->is_redis_used) return component("Redis", "not configured", 0);
    bool is_up = web->redis && redis_is_up(web->redis);
    const char *fault = verdict_redis_fault(v); /* without hosts and users: those are in the log */
    bool is_whole = is_up && !*fault;
    cJSON *out = component("Redis", is_whole ? "healthy" : "unhealthy", v->redis_checked_ms);
    cJSON_AddNumberToObject(out, "response_time_ms", v->redis_ms);
    if (!is_whole) cJSON_AddStringToObject(out, "error", *fault ? fault : "Redis is unreachable");
    cJSON_AddNumberToObject(out, "went_back", (double)redis_went_back());
    cJSON_AddStringToObject(out, "redis_version", v->redis_version);
    cJSON_AddStringToObject(out, "used_memory_human", v->redis_memory);
    cJSON_AddNumberToObject(out, "connected_clients", (double)v->redis_clients);
    cJSON_AddNumberToObject(out, "uptime_in_seconds", (double)v->redis_uptime_s);
    return out;
}

static cJSON *workers(const struct web *web)
{
    struct snapshot *s = calloc(1, sizeof *s);
    bool is_known =
        s && snapshot_read(conf_str(web->conf, SET_RUN_DIR), s, NULL) == 0 && !snapshot_is_stale(s, wall_ms());
    int running = 0;
    for (int i = 0; is_known && i < s->count; i++)
        running += strcmp(s->children[i].role, "worker") == 0 && s->children[i].is_ready;
    bool is_on = conf_bool(web->conf, SET_BACKGROUND_SYNC);
    bool is_stuck = backlog_is_stuck(&web->verdict->backlog, mono_ms());
    cJSON *out = component("workers",
                           is_stuck      ? "unhealthy"
                           : !is_on      ? "disabled"
                           : running > 0 ? "healthy"
                           : is_known    ? "unhealthy"
                                         : "unknown",
                           0);
    cJSON_AddNumberToObject(out, "workers", running);
    if (is_stuck) cJSON_AddStringToObject(out, "error", "tasks wait, and no worker takes any");
    if (!is_on) cJSON_AddStringToObject(out, "message", "Background sync is disabled");
    free(s);
    return out;
}

static double meminfo_kb(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtod(at + strlen(name), NULL) : 0;
}

static cJSON *machine(void)
{
    char text[2048] = "";
    double loads[3] = {0};
    struct statvfs disk;
    cJSON *out = component("machine", "healthy", 0);
    FILE *f = fopen("/proc/meminfo", "re");
    if (f) {
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
    }
    double total = meminfo_kb(text, "MemTotal:"), available = meminfo_kb(text, "MemAvailable:");
    cJSON_AddNumberToObject(out, "memory_usage_percent", total > 0 ? 100 * (total - available) / total : 0);
    cJSON_AddNumberToObject(out, "memory_available_gb", available / 1048576);
    if (statvfs("/", &disk) == 0) {
        double all = (double)disk.f_blocks * (double)disk.f_frsize,
               left = (double)disk.f_bavail * (double)disk.f_frsize;
        cJSON_AddNumberToObject(out, "disk_usage_percent", all > 0 ? 100 * (all - left) / all : 0);
        cJSON_AddNumberToObject(out, "disk_free_gb", left / 1073741824.0);
    }
    if (getloadavg(loads, 3) == 3) {
        cJSON *load = cJSON_AddObjectToObject(out, "load_average");
        cJSON_AddNumberToObject(load, "1min", loads[0]);
        cJSON_AddNumberToObject(load, "5min", loads[1]);
        cJSON_AddNumberToObject(load, "15min", loads[2]);
    }
    return out;
}

/* What the sync holds back is served as before: nothing is down, and somebody has to look. */
static cJSON *sync_component(const struct web *web)
{
    const struct hold_sum *h = &web->verdict->holds;
    cJSON *out = component("sync", h->open ? "held" : "healthy", 0);
    if (!h->open) return out;
    char text[200];
    snprintf(text, sizeof text,
             "%lld directories, %lld projects, %lld phases and %lld elevations are missing in Logikal and held (%s)",
             (long long)h->directories, (long long)h->projects, (long long)h->phases, (long long)h->elevations,
             h->reason);
    cJSON_AddStringToObject(out, "message", text);
    cJSON_AddNumberToObject(out, "hold", (double)h->id);
    cJSON_AddStringToObject(out, "since", h->since);
    cJSON *held = cJSON_AddObjectToObject(out, "held");
    cJSON_AddNumberToObject(held, "directory", (double)h->directories);
    cJSON_AddNumberToObject(held, "project", (double)h->projects);
    cJSON_AddNumberToObject(held, "phase", (double)h->phases);
    cJSON_AddNumberToObject(held, "elevation", (double)h->elevations);
    return out;
}

static void add_component(cJSON *parts, cJSON *bad, const char *name, cJSON *part)
{
    cJSON *status = cJSON_GetObjectItem(part, "status");
    if (strcmp(status->valuestring, "unhealthy") == 0) cJSON_AddItemToArray(bad, cJSON_CreateString(name));
    cJSON_AddItemToObject(parts, name, part);
}

static cJSON *health_report(const struct web *web)
{
    cJSON *parts = cJSON_CreateObject(), *bad = cJSON_CreateArray();
    add_component(parts, bad, "database", database(web));
    add_component(parts, bad, "redis", redis_component(web));
    add_component(parts, bad, "celery", workers(web));
    add_component(parts, bad, "system", machine());
    add_component(parts, bad, "sync", sync_component(web));
    cJSON *out = stamped(cJSON_GetArraySize(bad) ? "unhealthy" : web->verdict->holds.open ? "degraded" : "healthy");
    add_build(web, out);
    cJSON_AddItemToObject(out, "components", parts);
    cJSON_AddItemToObject(out, "unhealthy_components", bad);
    return out;
}

/* Strangers learn of each part whether it is well, and no more. */
static void keep_states(cJSON *report)
{
    cJSON_DeleteItemFromObject(report, "environment");
    for (cJSON *part = cJSON_GetObjectItem(report, "components")->child; part; part = part->next)
        for (cJSON *each = part->child, *next; each; each = next) {
            next = each->next;
            if (strcmp(each->string, "status") != 0 && strcmp(each->string, "name") != 0)
                cJSON_Delete(cJSON_DetachItemViaPointer(part, each));
        }
}

static bool may_see_details(const struct req *r)
{
    return r->who.kind == WHO_ADMIN || (r->who.permissions & (PERM_ADMIN_READ | PERM_METRICS));
}

void web_health_detailed(struct req *r)
{
    cJSON *report = health_report(r->web);
    if (!may_see_details(r)) keep_states(report);
    if (cJSON_GetArraySize(cJSON_GetObjectItem(report, "unhealthy_components")) == 0) {
        reply_cjson_take(r, 200, report);
        return;
    }
    cJSON *out = cJSON_CreateObject();
    cJSON_AddItemToObject(out, "detail", report);
    reply_header(r, "Retry-After", "5");
    reply_cjson_take(r, 503, out);
}
