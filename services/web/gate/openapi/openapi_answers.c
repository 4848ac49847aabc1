/* See openapi_answers.h. Two tables: refusals that many operations share, each with the rule by which an operation has
 * it, and what single operations answer besides. Tests hold every answer that they get against what is printed here. */
#include "services/web/gate/openapi/openapi_answers.h"

#include <stdio.h>
#include <string.h>

#include "services/web/http/accept.h"
#include "services/web/http/reply.h"
#include "services/web/http/schema/schema.h"

/* ---- rules ---- */

static bool is_any(const struct route *t)
{
    (void)t;
    return true;
}

static bool is_changing(const struct route *t)
{
    return t->method != EVHTTP_REQ_GET;
}

static bool is_guarded(const struct route *t)
{
    return t->access != ACCESS_OPEN || t->limits == LIMITS_LOGIN;
}

static bool is_form(const struct route *t)
{
    return *t->body == '=';
}

static bool has_json(const struct route *t)
{
    return *t->body && !is_form(t);
}

/* Its task's end is waited for, and tells what became of it. */
static bool is_waiting_for_task(const struct route *t)
{
    return strstr(t->query, "wait?:boolean") || strcmp(t->name, "upstream_test") == 0;
}

static bool is_page(const struct route *t)
{
    return strcmp(t->response, "html") == 0;
}

static bool can_be_unknown(const struct route *t)
{
    return strchr(t->path, '{') || strcmp(t->response, "Why") == 0 || is_waiting_for_task(t);
}

static bool can_be_invalid(const struct route *t)
{
    return *t->query || has_json(t) || is_changing(t); /* dry_run is refused by what cannot be previewed */
}

/* Whoever writes may meet what is written already, a login's counters and tokens too. */
static bool can_conflict(const struct route *t)
{
    return is_changing(t) || is_waiting_for_task(t);
}

static bool is_limited(const struct route *t)
{
    return t->limits != LIMITS_FREE;
}

/* ---- shared refusals ---- */

static const struct refused {
    const char *status, *name, *description;
    bool (*applies)(const struct route *t);
} refusals[] = {
    {"400", "BadRequest", "The request cannot be read, or cannot be done", is_any},
    {"401", "NotAuthenticated", "Not authenticated", is_guarded},
    {"403", "NotPermitted", "Not permitted", is_guarded},
    {"404", "NotFound", "Not found", can_be_unknown},
    {"408", "TooSlow", "The request did not arrive in time", is_any},
    {"409", "Conflict", "In conflict with what is there: detail says why", can_conflict},
    {"413", "TooLarge", "The body is too large for this operation", is_any},
    {"415", "NotJson", "The body is not application/json", has_json},
    {"417", "Expectation", "Only Expect: 100-continue is understood", is_any},
    {"422", "NotValid", "Invalid parameters", can_be_invalid},
    {"429", "TooManyRequests", "Too many requests", is_limited},
    {"431", "HeadTooLarge", "The request line and headers are too large", is_any},
    {"500", "Failed", "Something failed inside: the log tells more under the request's id", is_any},
    {"502", "UpstreamFailed", "Logikal refuses it, or what it sent cannot be used", is_waiting_for_task},
    {"503", "Unavailable", "Something that is needed is unreachable", is_any},
};
#define REFUSALS (sizeof refusals / sizeof *refusals)

static const char *schema_of(const char *refusal)
{
    return strcmp(refusal, "422") == 0 ? "Invalid" : "Error";
}

static void add_answer(cJSON *list, const char *status, const char *description, const char *type, const char *schema)
{
    cJSON *r = cJSON_AddObjectToObject(list, status);
    cJSON_AddStringToObject(r, "description", description);
    if (!type) return;
    cJSON *content = cJSON_AddObjectToObject(cJSON_AddObjectToObject(r, "content"), type);
    cJSON_AddItemToObject(content, "schema", schema_type_to_json(schema));
}

/* Another form of an answer. */
static void add_form(cJSON *list, const char *status, const char *type)
{
    cJSON *content = cJSON_GetObjectItem(cJSON_GetObjectItem(list, status), "content");
    cJSON_AddItemToObject(cJSON_AddObjectToObject(content, type), "schema", schema_type_to_json("string"));
}

void openapi_add_shared_answers(cJSON *components)
{
    cJSON *list = cJSON_AddObjectToObject(components, "responses");
    for (const struct refused *f = refusals; f < refusals + REFUSALS; f++)
        add_answer(list, f->name, f->description, TYPE_JSON, schema_of(f->status));
}

static void add_refusals(cJSON *list, const struct route *t)
{
    for (const struct refused *f = refusals; f < refusals + REFUSALS; f++) {
        char where[80];
        if (!f->applies(t) || cJSON_GetObjectItem(list, f->status)) continue;
        if (route_is_for_people(t)) {
            add_answer(list, f->status, f->description, TYPE_JSON, schema_of(f->status));
            add_form(list, f->status, "text/html");
            continue;
        }
        snprintf(where, sizeof where, "#/components/responses/%s", f->name);
        cJSON_AddStringToObject(cJSON_AddObjectToObject(list, f->status), "$ref", where);
    }
}

/* ---- of single operations ---- */

#define BILLS  " bom_elevation bom_diff bom_phase bom_project bom_project_diff"
#define ORDERS " glass_order cutting_list stock_list"
#define PAGES  " glass_order_page cutting_list_page stock_list_page"

static const struct {
    const char *status, *description, *schema; /* schema: NULL without a body */
    const char *routes;
} answers[] = {
    {"202", "It is fetched: ask again", "{elevation_id:integer, status:string, retry_after:integer, message:string}",
     " elevation_drawing "},
    {"202", "The sync goes on", "ProjectSynced", " sync_status_sync "},
    {"206", "A part of it", NULL, " parts_file "},
    {"304", "As the client has it (If-None-Match)", NULL,
     " parts_tables parts_table parts_file parts_versions elevation_drawing elevation_image elevation_thumbnail asset"
     " directory_get project_get elevation_get elevation_enrichment enrichment_status odoo_search odoo_stats"
     " odoo_complete odoo_project" BILLS ORDERS " "},
    {"400", "The request cannot be read, or the grant cannot be given", "OAuthError", " oauth_token "},
    {"401", "Not the client's credentials", "OAuthError", " oauth_token "},
    {"404", "Not found", "Error",
     " alert_notify advanced_selective upstream_logout metrics dead_letters_retry dead_letters_purge advanced_integrity"
     " changes client_me "},
    {"409", "A parts list could not be read, or was not taken, or cannot be counted with: detail says why", "Error",
     " parts_tables parts_table parts_file" BILLS ORDERS PAGES " "},
    {"410", "Logikal does not have it any more", "Error", " elevation_drawing "},
    {"410", "The cursor counts in a list that has become another one since: begin anew", "Error",
     " parts_table" ORDERS " "},
    {"410", "The cursor is not one of this database, or too old: begin anew with a snapshot", "Error", " changes "},
    {"410", "It is not done any more: detail says what to look at instead", "Error", " concurrency_test "},
    {"416", "There are no such bytes", "Error", " parts_file "},
    {"502", "Logikal refuses it, or what it sent is none", "Error", " elevation_drawing "},
};

static void add_special(cJSON *list, const struct route *t)
{
    char name[64];
    snprintf(name, sizeof name, " %s ", t->name);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (!strstr(answers[i].routes, name)) continue;
        add_answer(list, answers[i].status, answers[i].description, answers[i].schema ? TYPE_JSON : NULL,
                   answers[i].schema);
        if (route_is_for_people(t) && answers[i].schema) add_form(list, answers[i].status, "text/html");
    }
}

/* ---- all of an operation ---- */

/* What every list that comes in these forms has. */
#define ROWS_QUERY "cursor?:integer(0..9007199254740991)"

static void add_success(cJSON *list, const struct route *t)
{
    static const struct {
        const char *word, *type;
    } others[] = {{"html", "text/html"},          {"text", "text/plain"},
                  {"image", "image/*"},           {"file", "*/*"},
                  {"zip", "application/zip"},     {"lines", "application/x-ndjson"},
                  {"events", "text/event-stream"}};
    const char *type = TYPE_JSON, *schema = t->response;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(t->response, others[i].word) == 0) {
            type = others[i].type;
            schema = "string";
        }
    add_answer(list, "200", t->summary, *schema ? type : NULL, *schema ? schema : "any");
    bool is_list = strstr(t->query, "updated_since?:") || strstr(t->query, ROWS_QUERY);
    if (is_list || strcmp(t->path, "/api/v1/changes") == 0) add_form(list, "200", TYPE_NDJSON);
    if (is_list) add_form(list, "200", TYPE_CSV);
    if (is_page(t) || t->access == ACCESS_PAGE)
        add_answer(list, "303", "It is elsewhere, or somebody has to log in first", NULL, NULL);
    if (strstr(t->query, "updated_since?:"))
        add_answer(list, "304", "As the client has it (If-None-Match)", NULL, NULL);
    if (is_waiting_for_task(t)) add_answer(list, "202", "The task goes on", TYPE_JSON, "Accepted");
}

void openapi_add_answers(cJSON *operation, const struct route *t)
{
    cJSON *list = cJSON_AddObjectToObject(operation, "responses");
    add_success(list, t);
    add_special(list, t);
    add_refusals(list, t);
}
