/* The queue of parts lists that are read: what waits, runs and ended, and sending more. */
#include <string.h>

#include "conf/clock.h"
#include "ipc/queue/queue.h"
#include "services/store/web/parts/parsing_queue_read.h"
#include "services/web/api/sync_api.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

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

static void forget_parsing(void *parsing)
{
    struct parsing *p = parsing;
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
    cJSON_ArrayForEach(e, entries) {
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
    struct parsing *p = req_alloc(r, sizeof *p);
    char text[CLOCK_TEXT_SIZE];
    r->state = p;
    req_on_end(r, forget_parsing, p);
    p->out = cJSON_CreateObject();
    cJSON_AddBoolToObject(p->out, "success", true);
    p->data = cJSON_AddObjectToObject(p->out, "data");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) cJSON_AddObjectToObject(p->data, parts[i]);
    cJSON_AddItemToObject(p->data, "queue_counts", cJSON_Parse(PQgetvalue(result, 0, 0)));
    cJSON_AddStringToObject(p->data, "timestamp", clock_iso_us(wall_us(), text));
    if (!r->web->queue || queue_stats(r->web->queue, on_stats, r, NULL) != 0) send_parsing(r);
}

void web_parsing_state(struct req *r)
{
    req_query(r, &query_parsing_counts, 0, NULL, then_counts);
}
