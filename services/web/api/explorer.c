/* The old admin pages' data: elevations as a tree, their parts lists, the parser's queue; and the old pages' addresses,
 * which lead to the pages of today. */
#include <string.h>

#include "conf/clock.h"
#include "ipc/queue.h"
#include "services/store/web/checks_read.h"
#include "services/store/web/explorer_read.h"
#include "services/web/api/sync_api.h"
#include "services/web/cache/like.h"
#include "services/web/gate/handlers.h"
#include "services/web/gate/route.h"
#include "services/web/http/reply.h"

void web_explorer_detail(struct req *r)
{
    req_json(r, &query_elevation_detail, 1, (const char *[]){req_param(r, 0)}, "Elevation not found");
}

void web_explorer_tree(struct req *r)
{
    const char *search = req_arg(r, "search");
    if (search && !*search) search = NULL;
    req_json(r, &query_elevation_tree, 2, (const char *[]){search, search ? like_pattern(r, search) : NULL}, NULL);
}

void web_explorer_search(struct req *r)
{
    const char *q = req_arg(r, "q");
    req_json(r, &query_elevation_search, 3, (const char *[]){like_pattern(r, q), q, req_arg(r, "limit")}, NULL);
}

/* An elevation is read anew with the project that it lies in. */
static void then_refresh(struct req *r, const PGresult *result)
{
    cJSON *ids = cJSON_Parse(PQgetvalue(result, 0, 0)), *kwargs = cJSON_CreateObject();
    const char *id = cJSON_GetStringValue(cJSON_GetArrayItem(ids, 0));
    if (id) {
        cJSON_AddStringToObject(kwargs, "project_id", id);
        sync_run(r, TASK_SYNC "force_sync_project_task", "sync", kwargs, NULL);
    } else {
        cJSON_Delete(kwargs);
        reply_detail(r, 404, "Elevation not found");
    }
    cJSON_Delete(ids);
}

void web_explorer_refresh(struct req *r)
{
    const char *values[] = {"elevation", req_printf(r, "[\"%s\"]", req_param(r, 0))};
    req_query(r, &query_projects_of_objects, 2, values, then_refresh);
}

void web_explorer_parse(struct req *r)
{
    web_enrichment_trigger(r);
}

/* ---- the parser's queue ---- */

void web_parsing_completed(struct req *r)
{
    req_json(r, &query_parsing_completed, 0, NULL, NULL);
}

void web_parsing_clear(struct req *r)
{
    req_json(r, &query_parsing_clear, 0, NULL, NULL);
}

static void then_batch(struct req *r, const PGresult *result)
{
    cJSON *ids = cJSON_Parse(PQgetvalue(result, 0, 0)), *kwargs = cJSON_CreateObject();
    if (cJSON_GetArraySize(ids) > 0) {
        cJSON_AddItemToObject(kwargs, "elevation_ids", ids);
        sync_run(r, TASK_PARSER "batch_parse_elevations", "sqlite_parser", kwargs, NULL);
        return;
    }
    cJSON_Delete(ids);
    cJSON_Delete(kwargs);
    reply_json(r, 200, "{\"success\":true,\"message\":\"No parts list waits to be read\",\"total\":0}");
}

void web_parsing_batch(struct req *r)
{
    req_query(r, &query_parsing_wanted, 0, NULL, then_batch);
}

struct parsing {
    cJSON *out, *data;
};

static void forget_parsing(struct req *r)
{
    struct parsing *p = r->state;
    cJSON_Delete(p->out);
    p->out = NULL;
}

static void send_parsing(struct req *r)
{
    struct parsing *p = r->state;
    cJSON *out = p->out;
    p->out = NULL;
    reply_cjson_take(r, 200, out);
}

static void by_worker(cJSON *out, const cJSON *entries)
{
    const cJSON *e;
    cJSON_ArrayForEach(e, entries)
    {
        const char *worker = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "worker"));
        cJSON *list = cJSON_GetObjectItemCaseSensitive(out, worker ? worker : "unknown");
        if (!list) list = cJSON_AddArrayToObject(out, worker ? worker : "unknown");
        cJSON_AddItemToArray(list, cJSON_Duplicate(e, true));
    }
}

static void on_active(void *arg, const cJSON *entries, const struct err *err)
{
    struct req *r = arg;
    struct parsing *p = r->state;
    if (!err) by_worker(cJSON_GetObjectItem(p->data, "active_tasks"), entries);
    send_parsing(r);
}

static void on_stats(void *arg, const struct queue_stats *stats, const struct err *err)
{
    struct req *r = arg;
    struct parsing *p = r->state;
    cJSON *queues = cJSON_GetObjectItem(p->data, "queue_status");
    for (size_t i = 0; !err && i < stats->count; i++)
        cJSON_AddNumberToObject(queues, stats->queues[i].name, (double)stats->queues[i].depth);
    if (!err) cJSON_AddNumberToObject(cJSON_GetObjectItem(p->data, "workers"), "online", (double)stats->workers);
    if (err || queue_list(r->web->queue, QUEUE_UNACKED, NULL, 0, 200, on_active, r, NULL) != 0) send_parsing(r);
}

static void then_counts(struct req *r, const PGresult *result)
{
    static const char *const parts[] = {"active_tasks", "scheduled_tasks", "reserved_tasks", "registered_tasks",
                                        "workers",      "queue_status",    "completed_tasks"};
    struct parsing *p = req_alloc(r, sizeof(*p));
    char text[CLOCK_TEXT_SIZE];
    r->state = p;
    r->cleanup = forget_parsing;
    p->out = cJSON_CreateObject();
    cJSON_AddBoolToObject(p->out, "success", true);
    p->data = cJSON_AddObjectToObject(p->out, "data");
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) cJSON_AddObjectToObject(p->data, parts[i]);
    cJSON_AddItemToObject(p->data, "queue_counts", cJSON_Parse(PQgetvalue(result, 0, 0)));
    cJSON_AddStringToObject(p->data, "timestamp", clock_iso_us(wall_us(), text));
    if (!r->web->queue || queue_stats(r->web->queue, on_stats, r, NULL) != 0) send_parsing(r);
}

void web_parsing_state(struct req *r)
{
    req_query(r, &query_parsing_counts, 0, NULL, then_counts);
}

/* ---- keys and constraints ---- */

void web_phase_constraints(struct req *r)
{
    req_json(r, &query_phase_constraints, 0, NULL, NULL);
}

static void then_fixed(struct req *r, const PGresult *result)
{
    (void)result;
    reply_json(r, 200, "{\"success\":true,\"message\":\"Phases are unique by logikal_id and project_id\"}");
}

void web_phase_constraint_fix(struct req *r)
{
    req_query(r, &query_phase_constraint_fix, 0, NULL, then_fixed);
}

/* ---- old addresses of pages ---- */

void web_old_page(struct req *r)
{
    static const char *const moved[][2] = {
        {"/admin/login", "/ui/login"},           {"/admin/elevations", "/ui/browse"},
        {"/admin/sync-logs", "/ui/sync-logs"},   {"/admin/sync-intervals", "/ui/sync-intervals"},
        {"/admin/parsing-queue", "/ui/tasks"},   {"/admin/clients", "/ui/clients"},
        {"/admin/parsing-status", "/ui/browse"}, {"/admin/stats", "/ui/system"}};
    const char *to = "/ui", *elevation = req_arg(r, "elevation_id");
    for (size_t i = 0; i < sizeof(moved) / sizeof(*moved); i++)
        if (strcmp(r->route->path, moved[i][0]) == 0) to = moved[i][1];
    reply_redirect(r, elevation ? req_printf(r, "/ui/browse/elevations/%s", elevation) : req_with_query(r, to));
}
