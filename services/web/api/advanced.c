/* Consistency, reports and alerts, and syncs of chosen objects. */
#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/machine/random.h"
#include "conf/text/json.h"
#include "conf/text/utf8.h"
#include "services/store/web/watch/checks_read.h"
#include "services/store/web/elevation_tree_read.h"
#include "services/store/web/watch/reports_read.h"
#include "services/web/api/sync_api.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

#define NO_PROJECT "Project not found"

static const char *const types[] = {"directory", "project", "phase", "elevation"};

static void refuse_type(struct req *r)
{
    reply_detail(r, 400, "The object type is none of directory, project, phase and elevation");
}

static bool is_type(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i]) == 0) return true;
    return false;
}

/* ---- looking ---- */

void web_advanced_status(struct req *r)
{
    req_json(r, &query_advanced_status, 0, NULL, NULL);
}

void web_advanced_stale(struct req *r)
{
    const char *type = req_param(r, 0);
    for (size_t i = 0; i < 4; i++)
        if (strncmp(type, types[i], strlen(types[i])) == 0 || (i == 0 && strcmp(type, "directories") == 0)) {
            req_json(r, &query_stale_objects, 1, (const char *[]){types[i]}, NULL);
            return;
        }
    refuse_type(r);
}

void web_advanced_validate(struct req *r)
{
    req_json(r, &query_check_project, 1, (const char *[]){req_param(r, 0)}, NO_PROJECT);
}

void web_advanced_partial(struct req *r)
{
    req_json(r, &query_partial_failures, 1, (const char *[]){req_param(r, 0)}, NO_PROJECT);
}

void web_advanced_repair(struct req *r)
{
    req_json(r, &query_repair_project, 1, (const char *[]){req_param(r, 0)}, NO_PROJECT);
}

void web_advanced_integrity(struct req *r)
{
    req_json(r, &query_integrity_report, 1, (const char *[]){req_arg(r, "project_id")}, NO_PROJECT);
}

void web_advanced_performance(struct req *r)
{
    req_json(r, &query_performance, 1, (const char *[]){req_arg(r, "time_period_hours")}, NULL);
}

void web_advanced_project_metrics(struct req *r)
{
    const char *values[] = {req_arg(r, "time_period_hours"), req_param(r, 0)};
    req_json(r, &query_project_metrics, 2, values, NO_PROJECT);
}

void web_advanced_efficiency(struct req *r)
{
    req_json(r, &query_efficiency, 0, NULL, NULL);
}

/* ---- syncing ---- */

static void copy(cJSON *to, const char *name, const cJSON *from, const char *source)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(from, source);
    cJSON_AddItemToObject(to, name, found ? cJSON_Duplicate(found, true) : cJSON_CreateNumber(0));
}

static void add_times(cJSON *out, const cJSON *result)
{
    char text[CLOCK_TEXT_SIZE];
    double seconds = json_number(result, "duration_seconds", 0);
    const cJSON *one; /* of several, one after the other */
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(result, "results"))
        seconds += json_number(one, "duration_seconds", 0);
    int64_t now = wall_us();
    int64_t took = seconds > 0 && seconds < 1e9 ? (int64_t)(seconds * 1e6) : 0;
    cJSON_AddStringToObject(out, "started_at", clock_iso_us(now - took, text));
    cJSON_AddStringToObject(out, "completed_at", clock_iso_us(now, text));
}

static cJSON *shape_cascade(const struct req *r, const cJSON *result)
{
    (void)r;
    cJSON *out = cJSON_CreateObject();
    const cJSON *errors = cJSON_GetObjectItemCaseSensitive(result, "errors");
    copy(out, "project_id", result, "project_id");
    cJSON_AddBoolToObject(out, "project_synced", true);
    copy(out, "phases_synced", result, "phases_synced");
    copy(out, "elevations_synced", result, "elevations_synced");
    cJSON_AddItemToObject(out, "errors", errors ? cJSON_Duplicate(errors, true) : cJSON_CreateArray());
    add_times(out, result);
    cJSON_AddBoolToObject(out, "success", true);
    return out;
}

void web_advanced_cascade(struct req *r)
{
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddStringToObject(kwargs, "project_id", req_param(r, 0));
    cJSON_AddTrueToObject(kwargs, "force_sync");
    sync_run(r, TASK_SYNC "sync_project_task", "sync", kwargs, shape_cascade);
}

static bool was_synced(const cJSON *results, const char *project)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, results) {
        const char *of = json_text(one, "project_id");
        if (of && strcmp(of, project) == 0) return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(one, "success"));
    }
    return false;
}

/* An object of asked: are all projects in which it lies synced? */
static bool is_synced(const cJSON *results, const cJSON *object)
{
    const cJSON *project, *projects = cJSON_GetObjectItemCaseSensitive(object, "projects");
    cJSON_ArrayForEach(project, projects)
        if (!was_synced(results, project->valuestring)) return false;
    return cJSON_GetArraySize(projects) > 0;
}

static cJSON *not_there(const char *type, const char *id)
{
    char text[400];
    cJSON *out = cJSON_CreateObject();
    snprintf(text, sizeof text, "there is no %s %.255s in the database", type, id);
    cJSON_AddFalseToObject(out, "success");
    cJSON_AddStringToObject(out, "message", utf8_finish(text));
    cJSON_AddStringToObject(out, "error_type", "not_found");
    cJSON_AddStringToObject(out, "object_id", id);
    return out;
}

/* Objects are counted, not the projects in which they lie; one that stands there twice is skipped the second time. */
static cJSON *shape_selective(const struct req *r, const cJSON *result)
{
    cJSON *out = cJSON_CreateObject(), *asked = cJSON_Parse(sync_asked(r)), *object;
    const cJSON *of_projects = cJSON_GetObjectItemCaseSensitive(result, "results");
    cJSON *results = of_projects ? cJSON_Duplicate(of_projects, true) : cJSON_CreateArray();
    double requested = 0, synced = 0;
    cJSON_ArrayForEach(object, asked) {
        requested += json_number(object, "times", 1);
        synced += is_synced(of_projects, object);
        if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(object, "projects")) == 0)
            cJSON_AddItemToArray(results, not_there(req_arg(r, "object_type"), json_text(object, "id")));
    }
    double failed = cJSON_GetArraySize(asked) - synced;
    cJSON_AddStringToObject(out, "object_type", req_arg(r, "object_type"));
    cJSON_AddNumberToObject(out, "requested_count", requested);
    cJSON_AddNumberToObject(out, "synced_count", synced);
    cJSON_AddNumberToObject(out, "skipped_count", requested - synced - failed);
    cJSON_AddNumberToObject(out, "failed_count", failed);
    cJSON_AddItemToObject(out, "results", results);
    add_times(out, result);
    cJSON_AddBoolToObject(out, "success", failed == 0);
    cJSON_Delete(asked);
    return out;
}

/* Objects are synced with the project that they lie in: Logikal is read project by project. */
static void run_batch(struct req *r, const PGresult *found, sync_shape shape)
{
    cJSON *ids = cJSON_Parse(PQgetvalue(found, 0, 0)), *kwargs = cJSON_CreateObject();
    if (cJSON_GetArraySize(ids) == 0) {
        cJSON_Delete(ids);
        cJSON_Delete(kwargs);
        reply_detail(r, 404, "None of these objects is in the database");
        return;
    }
    cJSON_AddItemToObject(kwargs, "project_ids", ids);
    cJSON_AddTrueToObject(kwargs, "force_sync");
    const char *asked = shape == shape_selective ? req_strdup(r, PQgetvalue(found, 0, 1)) : NULL;
    sync_run_of(r, TASK_SYNC "batch_sync_projects_task", "sync", kwargs, shape, asked);
}

static void then_selective(struct req *r, const PGresult *result)
{
    run_batch(r, result, shape_selective);
}

void web_advanced_selective(struct req *r)
{
    if (!is_type(req_arg(r, "object_type"))) {
        refuse_type(r);
        return;
    }
    char *ids = cJSON_PrintUnformatted(r->body);
    const char *values[] = {req_arg(r, "object_type"), req_strdup(r, ids ? ids : "[]")};
    cJSON_free(ids);
    req_query(r, &query_projects_of_objects, 2, values, then_selective);
}

static cJSON *shape_dependency(const struct req *r, const cJSON *result)
{
    cJSON *out = cJSON_CreateObject();
    int last = 0; /* what it depends on stands above it */
    while (strcmp(types[last], req_param(r, 0)) != 0) last++;
    const cJSON *results = cJSON_GetObjectItemCaseSensitive(result, "results");
    cJSON_AddStringToObject(out, "object_type", req_param(r, 0));
    cJSON_AddStringToObject(out, "object_id", req_param(r, 1));
    cJSON_AddItemToObject(out, "dependencies", cJSON_CreateStringArray(types, last + 1));
    cJSON_AddItemToObject(out, "synced_objects", results ? cJSON_Duplicate(results, true) : cJSON_CreateArray());
    cJSON_AddItemToObject(out, "errors", cJSON_CreateArray());
    add_times(out, result);
    cJSON_AddBoolToObject(out, "success", true);
    return out;
}

static void then_dependency(struct req *r, const PGresult *result)
{
    run_batch(r, result, shape_dependency);
}

void web_advanced_dependency(struct req *r)
{
    if (!is_type(req_param(r, 0))) {
        refuse_type(r);
        return;
    }
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, cJSON_CreateString(req_param(r, 1)));
    char *ids = cJSON_PrintUnformatted(list);
    const char *values[] = {req_param(r, 0), req_strdup(r, ids ? ids : "[]")};
    cJSON_free(ids);
    cJSON_Delete(list);
    req_query(r, &query_projects_of_objects, 2, values, then_dependency);
}

/* ---- alerts ---- */

void web_alerts(struct req *r)
{
    req_json(r, &query_alerts, 1, (const char *[]){req_arg(r, "severity")}, NULL);
}

void web_alerts_history(struct req *r)
{
    req_json(r, &query_alert_history, 2, (const char *[]){req_arg(r, "hours"), req_arg(r, "severity")}, NULL);
}

void web_alert_create(struct req *r)
{
    char id[UUID_TEXT_SIZE];
    const char *values[] = {
        random_uuid4(id),           req_body_str(r, "alert_type"), req_body_str(r, "severity"),
        req_body_str(r, "message"), req_body_text(r, "details"),   req_body_text(r, "requires_action")};
    req_json(r, &query_alert_create, 6, values, NULL);
}

static void then_acknowledged(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0))
        reply_detail(r, 400, "No such alert is open");
    else
        reply_json(r, 200, PQgetvalue(result, 0, 0));
}

void web_alert_acknowledge(struct req *r)
{
    const char *values[] = {req_body_str(r, "alert_id"), req_body_str(r, "acknowledged_by"), req_body_str(r, "notes")};
    req_query(r, &query_alert_acknowledge, 3, values, then_acknowledged);
}

/* There is no mail transport; where alerts are watched is the log. */
static void then_notify(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, "No such alert is open");
        return;
    }
    char *recipients = req_strdup(r, req_body_text(r, "recipients"));
    log_warning("alert %.100s (%s): %.300s; for %.200s", req_body_str(r, "alert_id"), PQgetvalue(result, 0, 1),
                PQgetvalue(result, 0, 0), recipients);
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "success", true);
    cJSON_AddStringToObject(out, "message", "Written to the log as a warning; mail is not sent by this system");
    cJSON_AddItemToObject(out, "recipients", cJSON_Duplicate(cJSON_GetObjectItem(r->body, "recipients"), true));
    cJSON_AddStringToObject(out, "alert_id", req_body_str(r, "alert_id"));
    reply_cjson_take(r, 200, out);
}

void web_alert_notify(struct req *r)
{
    req_query(r, &query_alert_get, 1, (const char *[]){req_body_str(r, "alert_id")}, then_notify);
}
