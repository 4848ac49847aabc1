/* /openapi.json (3.1), printed from the route table, and the page at /docs that shows it. The document is made when it
 * is asked for and kept only as long as the answer takes. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "conf/version.h"
#include "services/web/gate/handlers.h"
#include "services/web/gate/openapi/openapi_answers.h"
#include "services/web/gate/page.h"
#include "services/web/gate/route.h"
#include "services/web/http/reply.h"
#include "services/web/http/schema/schema.h"

static const char *method_name(enum evhttp_cmd_type method)
{
    return method == EVHTTP_REQ_GET      ? "get"
           : method == EVHTTP_REQ_POST   ? "post"
           : method == EVHTTP_REQ_PUT    ? "put"
           : method == EVHTTP_REQ_DELETE ? "delete"
                                         : "patch";
}

/* "/a/{id:int}/" -> "/a/{id}" (a colon elsewhere, as in "/a:batchGet", stays): a slash more at the end makes no
 * difference to a request. */
static void plain_path(const char *pattern, char *out, size_t size)
{
    size_t n = 0;
    bool is_name = false;
    for (const char *p = pattern; *p && n + 1 < size; p++) {
        if (is_name && *p == ':') p += strcspn(p, "}");
        if (*p == '{' || *p == '}') is_name = *p == '{';
        out[n++] = *p;
    }
    if (n > 1 && out[n - 1] == '/') n--;
    out[n] = 0;
}

/* The handler's name; where a handler serves several operations, with the words of the path. */
static void name_of(const struct route *t, char *out, size_t size)
{
    char path[256];
    int same = 0;
    for (const struct route *o = routes; o < routes + routes_count; o++) same += strcmp(o->name, t->name) == 0;
    snprintf(out, size, "%s", t->name);
    if (same < 2) return;
    plain_path(t->path, path, sizeof path);
    size_t n = strlen(out);
    for (const char *p = path; *p && n + 1 < size; p++)
        if (*p != '{' && *p != '}') out[n++] = isalnum((unsigned char)*p) ? *p : '_';
    out[n] = 0;
}

/* The first word of the path after /api/v1. */
static void tag_of(const char *path, char *out, size_t size)
{
    const char *p = strncmp(path, "/api/v1/", 8) == 0 ? path + 8 : path + 1;
    snprintf(out, size, "%.*s", (int)strcspn(p, "/{"), p);
    if (!*out) snprintf(out, size, "health");
}

static void add_parameter(cJSON *list, const char *name, const char *in, bool is_required, cJSON *schema)
{
    cJSON *p = cJSON_CreateObject();
    cJSON_AddStringToObject(p, "name", name);
    cJSON_AddStringToObject(p, "in", in);
    cJSON_AddBoolToObject(p, "required", is_required);
    cJSON_AddItemToObject(p, "schema", schema);
    cJSON_AddItemToArray(list, p);
}

static void add_parameters(cJSON *operation, const struct route *t)
{
    cJSON *list = cJSON_CreateArray();
    for (const char *p = t->path; (p = strchr(p, '{')) != NULL; p++) {
        char name[64];
        bool is_number = p[strcspn(p, ":}")] == ':' && strncmp(p + strcspn(p, ":"), ":int", 4) == 0;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p + 1, ":}"), p + 1);
        add_parameter(list, name, "path", true, schema_type_to_json(is_number ? "integer(0..999999999)" : "string"));
    }
    struct schema_member m;
    for (const char *at = NULL; schema_next(t->query, &at, &m);) {
        cJSON *schema = schema_type_to_json(m.type);
        if (m.fallback[0]) cJSON_AddItemToObject(schema, "default", schema_fallback(&m));
        add_parameter(list, m.name, "query", !m.is_optional, schema);
    }
    if (cJSON_GetArraySize(list))
        cJSON_AddItemToObject(operation, "parameters", list);
    else
        cJSON_Delete(list);
}

static void add_body(cJSON *operation, const struct route *t)
{
    if (!*t->body) return;
    cJSON *body = cJSON_AddObjectToObject(operation, "requestBody");
    bool is_form = *t->body == '=', has_mark = is_form || *t->body == '?';
    cJSON_AddBoolToObject(body, "required", *t->body != '?');
    cJSON *json = cJSON_AddObjectToObject(cJSON_AddObjectToObject(body, "content"),
                                          is_form ? "application/x-www-form-urlencoded" : TYPE_JSON);
    cJSON_AddItemToObject(json, "schema", schema_type_to_json(t->body + has_mark));
}

/* The same as bearer, for tools that get the token themselves. */
static void add_scopes(cJSON *list, const struct route *t)
{
    static const char *const words[][3] = {[ACCESS_ANY] = {NULL},
                                           [ACCESS_PROJECTS] = {"projects:read"},
                                           [ACCESS_ELEVATIONS] = {"elevations:read"},
                                           [ACCESS_JOURNAL] = {"projects:read", "elevations:read"},
                                           [ACCESS_HOOKS] = {"webhooks:manage", "projects:read", "elevations:read"},
                                           [ACCESS_SYNC] = {"sync:write"},
                                           [ACCESS_ADMIN_READ] = {"admin:read"},
                                           [ACCESS_METRICS] = {"admin:read"}};
    if (t->access >= ACCESS_ADMIN) return;
    cJSON *way = cJSON_CreateObject(), *scopes = cJSON_AddArrayToObject(way, "oauth2");
    for (int i = 0; i < 3 && words[t->access][i]; i++)
        cJSON_AddItemToArray(scopes, cJSON_CreateString(words[t->access][i]));
    cJSON_AddItemToArray(list, way);
}

static void add_security(cJSON *operation, const struct route *t)
{
    static const char *const permissions[] = {[ACCESS_PROJECTS] = "projects:read",
                                              [ACCESS_ELEVATIONS] = "elevations:read",
                                              [ACCESS_JOURNAL] = "projects:read elevations:read",
                                              [ACCESS_HOOKS] = "webhooks:manage projects:read elevations:read",
                                              [ACCESS_SYNC] = "sync:write",
                                              [ACCESS_ADMIN_READ] = "admin:read",
                                              [ACCESS_METRICS] = "admin:read",
                                              [ACCESS_ADMIN] = "administrator",
                                              [ACCESS_PAGE] = "administrator"};
    cJSON *list = cJSON_AddArrayToObject(operation, "security");
    if (t->access == ACCESS_OPEN) return;
    for (int i = 0; i < 2; i++) {
        cJSON *way = cJSON_CreateObject();
        cJSON_AddArrayToObject(way, i == 0 ? "bearer" : "session");
        cJSON_AddItemToArray(list, way);
    }
    add_scopes(list, t);
    if (t->access != ACCESS_ANY) cJSON_AddStringToObject(operation, "x-permission", permissions[t->access]);
}

static void add_operation(cJSON *paths, const struct route *t)
{
    char path[256], tag[64], name[256];
    plain_path(t->path, path, sizeof path);
    tag_of(path, tag, sizeof tag);
    cJSON *item = cJSON_GetObjectItemCaseSensitive(paths, path);
    if (!item) item = cJSON_AddObjectToObject(paths, path);
    cJSON *operation = cJSON_AddObjectToObject(item, method_name(t->method));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(operation, "tags"), cJSON_CreateString(tag));
    cJSON_AddStringToObject(operation, "summary", t->summary);
    name_of(t, name, sizeof name);
    cJSON_AddStringToObject(operation, "operationId", name);
    add_parameters(operation, t);
    add_body(operation, t);
    openapi_add_answers(operation, t);
    add_security(operation, t);
}

static cJSON *document(void)
{
    cJSON *doc = cJSON_CreateObject();
    cJSON_AddStringToObject(doc, "openapi", "3.1.0");
    cJSON *info = cJSON_AddObjectToObject(doc, "info");
    cJSON_AddStringToObject(info, "title", "logikald");
    cJSON_AddStringToObject(info, "version", version_text);
    cJSON_AddStringToObject(
        info, "description",
        "Projects, phases and elevations of a Logikal system, kept fresh in PostgreSQL. Clients log "
        "in at /api/v1/client-auth/login; x-permission tells what an operation asks of them.");
    cJSON *license = cJSON_AddObjectToObject(info, "license");
    cJSON_AddStringToObject(license, "name", "MIT");
    cJSON_AddStringToObject(license, "identifier", "MIT");
    cJSON *server = cJSON_CreateObject();
    cJSON_AddStringToObject(server, "url", "/");
    cJSON_AddStringToObject(server, "description", "Where this document came from");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(doc, "servers"), server);
    cJSON *paths = cJSON_AddObjectToObject(doc, "paths");
    for (int i = 0; i < routes_count; i++) add_operation(paths, &routes[i]);
    cJSON *components = cJSON_AddObjectToObject(doc, "components"),
          *schemas = cJSON_AddObjectToObject(components, "schemas");
    const char *const *names;
    int count = schema_names(&names);
    for (int i = 0; i < count; i++) cJSON_AddItemToObject(schemas, names[i], schema_to_json(schema_named(names[i])));
    openapi_add_shared_answers(components);
    cJSON *security = cJSON_AddObjectToObject(components, "securitySchemes");
    cJSON *bearer = cJSON_AddObjectToObject(security, "bearer"),
          *session = cJSON_AddObjectToObject(security, "session");
    cJSON_AddStringToObject(bearer, "type", "http");
    cJSON_AddStringToObject(bearer, "scheme", "bearer");
    cJSON_AddStringToObject(session, "type", "apiKey");
    cJSON_AddStringToObject(session, "in", "cookie");
    cJSON_AddStringToObject(session, "name", "logikald_session");
    cJSON *oauth = cJSON_AddObjectToObject(security, "oauth2");
    cJSON_AddStringToObject(oauth, "type", "oauth2");
    cJSON *flow = cJSON_AddObjectToObject(cJSON_AddObjectToObject(oauth, "flows"), "clientCredentials");
    cJSON_AddStringToObject(flow, "tokenUrl", "/oauth/token");
    cJSON *scopes = cJSON_AddObjectToObject(flow, "scopes");
    cJSON_AddStringToObject(scopes, "projects:read", "Directories, projects and phases");
    cJSON_AddStringToObject(scopes, "elevations:read", "Elevations, images and parts lists");
    cJSON_AddStringToObject(scopes, "sync:write", "Start syncs");
    cJSON_AddStringToObject(scopes, "admin:read", "State of the system");
    cJSON_AddStringToObject(scopes, "webhooks:manage", "Webhooks of one's own");
    return doc;
}

void web_openapi(struct req *r)
{
    reply_header(r, "Cache-Control", "no-cache");
    reply_cjson_take(r, 200, document());
}

void web_docs(struct req *r)
{
    page_reply(r, 200, "docs", "API", NULL);
}
