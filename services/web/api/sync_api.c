/* Manual and forced syncs: each runs its task and holds the answer open until the result is there. ?wait=false, and a
 * task that takes longer than FORCED_SYNC_TIMEOUT_SECONDS, are answered 202 with the task's id. */
#include "services/web/api/sync_api.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/json.h"
#include "services/store/web/objects_read.h"
#include "services/store/web/intervals_read.h"
#include "services/store/web/sync_state_read.h"
#include "services/web/gate/codes.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/fault.h"
#include "services/web/http/reply.h"
#include "services/web/http/told.h"
#include "services/web/jobs/actions.h"

struct held {
    const char *id, *asked; /* asked: of several at once */
    sync_shape shape;
};

static void accepted(struct req *r, const char *id)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "success", true);
    cJSON_AddStringToObject(out, "status", "accepted");
    cJSON_AddStringToObject(out, "task_id", id);
    cJSON_AddStringToObject(out, "status_url", req_printf(r, "/api/v1/scheduler/tasks/%s", id));
    cJSON_AddStringToObject(out, "message", "The sync goes on in the background");
    reply_header(r, "Location", req_printf(r, "/api/v1/scheduler/tasks/%s", id));
    reply_cjson_take(r, 202, out);
}

static const char *text_of(struct req *r, cJSON *result, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, name));
    if (!text) return NULL;
    text = fault_without_places(r, text);
    cJSON_ReplaceItemInObjectCaseSensitive(result, name, cJSON_CreateString(text));
    return text;
}

/* A task that ran and says that it failed: its whole answer, with the detail that clients look for. */
static void failed(struct req *r, const cJSON *result)
{
    cJSON *out = cJSON_Duplicate(result, true);
    const char *message = text_of(r, out, "message"), *error = text_of(r, out, "error");
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "error_type"));
    bool is_ambiguous = type && strcmp(type, "ambiguous") == 0; /* the answer names the candidates */
    int status = is_ambiguous ? 409 : codes_has(r, 400) ? 400 : type && strcmp(type, "not_found") == 0 ? 404 : 502;
    cJSON_AddItemToObject(out, "detail",
                          codes_detail(r, status,
                                       message ? message
                                       : error ? error
                                               : "The sync failed"));
    told_reply_take(r, status, out);
}

/* A task that did not come to a result: what is only unavailable now is told so, the rest as clients know it. */
static void did_not_end(struct req *r, const struct err *err)
{
    bool is_passing = err->code == ERR_DB || err->code == ERR_REDIS || err->code == ERR_LIMIT ||
                      err->code == ERR_NOMEM || err->code == ERR_CONFIG;
    if (!is_passing && codes_has(r, 400))
        reply_detail(r, 400, "%s", fault_told(r, err));
    else
        reply_err(r, err);
}

/* Neither a success nor a failure: the whole result says what is held. */
static bool is_held_back(const cJSON *result)
{
    const char *status = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "status"));
    return status && strcmp(status, "held") == 0;
}

static void on_done(void *arg, const cJSON *result, const struct err *err)
{
    struct req *r = arg;
    struct held *h = r->state;
    if (err && (err->code == ERR_TIMEOUT || err->code == ERR_CANCELLED))
        accepted(r, h->id);
    else if (err)
        did_not_end(r, err);
    else if (!h->asked && cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(result, "success")) && !is_held_back(result))
        failed(r, result);
    else
        told_reply_take(r, 200, h->shape ? h->shape(r, result) : cJSON_Duplicate(result, true));
}

void sync_run(struct req *r, const char *task, const char *queue, cJSON *kwargs, sync_shape shape)
{
    sync_run_of(r, task, queue, kwargs, shape, NULL);
}

const char *sync_asked(const struct req *r)
{
    const struct held *h = r->state;
    return h->asked;
}

void sync_run_of(struct req *r, const char *task, const char *queue, cJSON *kwargs, sync_shape shape, const char *asked)
{
    struct held *h = req_alloc(r, sizeof *h);
    struct err err = {0};
    const char *wait = req_arg(r, "wait");
    bool is_held = !wait || req_arg_bool(r, "wait");
    h->shape = shape;
    h->asked = asked;
    r->state = h;
    int64_t timeout_ms = conf_int(r->web->conf, SET_HTTP_FORCE_TIMEOUT) * 1000;
    const char *id = action_start(r->web->actions, task, queue, kwargs, timeout_ms, is_held ? on_done : NULL, r, &err);
    if (!id) {
        reply_err(r, &err);
        return;
    }
    h->id = req_strdup(r, id);
    if (!is_held) accepted(r, h->id);
}

/* ---- forced, for the ERP ---- */

void web_force_project(struct req *r)
{
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddStringToObject(kwargs, "project_id", req_param(r, 0));
    if (req_arg(r, "directory_id")) cJSON_AddStringToObject(kwargs, "directory_id", req_arg(r, "directory_id"));
    if (req_arg_bool(r, "dry_run")) cJSON_AddTrueToObject(kwargs, "dry_run");
    sync_run(r, TASK_SYNC "force_sync_project_task", "sync", kwargs, NULL);
}

void web_force_directory(struct req *r)
{
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddStringToObject(kwargs, "directory_id", req_param(r, 0));
    sync_run(r, TASK_SYNC "force_sync_directory_task", "sync", kwargs, NULL);
}

void web_force_directories(struct req *r)
{
    sync_run(r, TASK_SYNC "force_sync_directories_task", "sync", cJSON_CreateObject(), NULL);
}

/* ---- by hand ---- */

static void sync_type(struct req *r, const char *type)
{
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddStringToObject(kwargs, "object_type", type);
    sync_run(r, TASK_SYNC "sync_object_type_task", "sync", kwargs, NULL);
}

void web_sync_directories(struct req *r)
{
    sync_type(r, "directory");
}

void web_sync_projects(struct req *r)
{
    sync_type(r, "project");
}

void web_sync_phases(struct req *r)
{
    sync_type(r, "phase");
}

void web_sync_elevations(struct req *r)
{
    sync_type(r, "elevation"); /* their parts lists come with them */
}

static void then_interval(struct req *r, const PGresult *result)
{
    cJSON *interval = PQntuples(result) > 0 ? cJSON_Parse(PQgetvalue(result, 0, 0)) : NULL;
    bool is_on = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(interval, "is_sync_enabled"));
    if (!interval)
        reply_detail(r, 404, "There is no such object type");
    else if (!is_on)
        reply_detail(r, 400, "The object type is switched off");
    else
        sync_type(r, req_param(r, 0));
    cJSON_Delete(interval);
}

void web_interval_sync(struct req *r)
{
    req_query(r, &query_intervals_get, 1, (const char *[]){req_param(r, 0)}, then_interval);
}

static double count_of(const cJSON *result, const char *type)
{
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(result, "objects_synced");
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(counts, type);
    return cJSON_IsNumber(n) ? n->valuedouble : 0;
}

static cJSON *shape_full(const struct req *r, const cJSON *result)
{
    (void)r;
    static const char *const types[][2] = {{"directory", "directories_processed"},
                                           {"project", "projects_processed"},
                                           {"phase", "phases_processed"},
                                           {"elevation", "elevations_processed"}};
    cJSON *out = cJSON_Duplicate(result, true);
    double seconds = json_number(result, "duration_seconds", 0), total = 0;
    cJSON_ReplaceItemInObject(out, "duration_seconds", cJSON_CreateNumber(floor(seconds + 0.5)));
    for (size_t i = 0; i < 4; i++) {
        cJSON_AddNumberToObject(out, types[i][1], count_of(result, types[i][0]));
        total += count_of(result, types[i][0]);
    }
    cJSON_AddNumberToObject(out, "total_items", total);
    return out;
}

void web_sync_full(struct req *r)
{
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddTrueToObject(kwargs, "force_sync");
    if (req_arg_bool(r, "dry_run")) cJSON_AddTrueToObject(kwargs, "dry_run");
    sync_run(r, TASK_SYNC "full_sync_task", "sync", kwargs, shape_full);
}

void web_sync_incremental(struct req *r)
{
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddFalseToObject(kwargs, "force_sync");
    if (req_arg_bool(r, "dry_run")) cJSON_AddTrueToObject(kwargs, "dry_run");
    sync_run(r, TASK_SYNC "full_sync_task", "sync", kwargs, shape_full);
}

static void then_state(struct req *r, const PGresult *result)
{
    told_reply_json(r, 200, PQgetvalue(result, 0, 0));
}

void web_sync_state(struct req *r)
{
    req_query(r, &query_sync_state, 0, NULL, then_state);
}

/* ---- parts lists ---- */

static void parse(struct req *r)
{
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddNumberToObject(kwargs, "elevation_id", (double)strtoll(req_param(r, 0), NULL, 10));
    cJSON_AddBoolToObject(kwargs, "force", req_arg_bool(r, "force"));
    sync_run(r, TASK_PARSER "parse_elevation_sqlite", "sqlite_parser", kwargs, NULL);
}

static void then_parse(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0)
        reply_detail(r, 404, "Elevation not found");
    else if (*PQgetvalue(result, 0, 0) != 't')
        reply_detail(r, 400, "Elevation does not have SQLite parts data");
    else
        parse(r);
}

void web_enrichment_trigger(struct req *r)
{
    req_query(r, &query_elevation_has_parts, 1, (const char *[]){req_param(r, 0)}, then_parse);
}
