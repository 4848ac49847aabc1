/* The calls of the upstream's API v3, as its description has them: login, version, the lists, the selects and the
 * selected project. What a selected elevation offers (thumbnail, parts list) is in api_elevation.c. */
#include "tests/sim/api.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "tests/sim/world/object.h"

#define NOT_IN_A "This operation expects the session to be in a "

static const char *text_member(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static void api_login(struct call *call)
{
    struct sim *sim = call->sim;
    const struct options *o = &sim->options;
    cJSON *json = request_json(call->req);
    const char *username = text_member(json, "username"), *password = text_member(json, "password");
    const cJSON *erp = cJSON_GetObjectItemCaseSensitive(json, "erp");
    session_expire_due(&sim->sessions, mono_ms());
    if (!username || !password || (erp && !cJSON_IsBool(erp))) {
        call_error(call, 400, "The request is in an invalid format or is missing required properties.");
    } else if (strcmp(username, o->username) != 0 || strcmp(password, o->password) != 0) {
        sim->stats.logins_failed++;
        call_error(call, 401, "Authentication failed. Invalid username or password.");
    } else if (o->max_sessions && sim->sessions.open >= o->max_sessions) {
        sim->stats.logins_failed++;
        call_error(call, o->session_limit_status,
                   "Authentication failed. The number of concurrent sessions is exhausted.");
    } else {
        int64_t expires_ms = o->token_ttl_s > 0 ? mono_ms() + (int64_t)(o->token_ttl_s * 1e3) : 0;
        call->session = session_open(&sim->sessions, expires_ms);
        sim->stats.logins++;
        call->status = 200;
        buf_str(&call->body, "{\"data\":{\"username\":");
        buf_json_string(&call->body, username, strlen(username));
        buf_printf(&call->body, ",\"token\":\"%s\"},\"hints\":[],\"warnings\":[]}", call->session->token);
    }
    cJSON_Delete(json);
}

static void api_logout(struct call *call)
{
    call->sim->stats.logouts++;
    session_close(&call->sim->sessions, call->session);
    call->session = NULL;
    call_success(call);
}

static void api_version(struct call *call)
{
    call->status = 200;
    buf_str(&call->body, "{\"data\":{\"componentVersions\":[{\"name\":\"MbioeService\",\"version\":\"12.2.6.59\","
                         "\"description\":\"MBIOE Service (simulated)\"}]},\"hints\":[],\"warnings\":[]}");
}

/* The words of the description for a call in the wrong state. */
static void wrong_place(struct call *call, enum kind expected)
{
    static const char *const messages[KIND_COUNT] = {NOT_IN_A "directory.", NOT_IN_A "project.", NOT_IN_A "phase.",
                                                     "This operation expects the session to be in an elevation."};
    call_error(call, 405, messages[expected]);
}

/* One of another place comes to this one, whose list does not show it any more. */
static void arrive(struct sim *sim, enum kind kind, uint32_t place)
{
    struct world *w = sim->world;
    enum kind above = kind == KIND_DIRECTORY ? kind : kind - 1;
    for (uint32_t step = 1; step <= w->count[above] && sim->is_arriving[kind]; step++) {
        uint32_t other = place == NO_INDEX ? step - 1 : (place + step) % w->count[above];
        if (other == place || !world_exists(w, above, other)) continue;
        struct index_list list = world_children(w, kind, other);
        if (list.count && world_move(w, kind, list.items[0], place)) sim->is_arriving[kind] = false;
        free(list.items);
    }
}

/* Answers the children of the place that the session is in; above is the kind of that place. */
static void list(struct call *call, enum kind child, uint32_t parent)
{
    const struct world *w = call->sim->world;
    struct index_list items = world_children(w, child, parent);
    call->status = 200;
    buf_str(&call->body, "{\"data\":[");
    for (size_t i = 0; i < items.count; i++) {
        if (i) buf_char(&call->body, ',');
        object_add_json(w, child, items.items[i], &call->body);
    }
    buf_str(&call->body, "],\"hints\":[],\"warnings\":[]}");
    free(items.items);
    if (call->sim->is_arriving[child]) arrive(call->sim, child, parent);
}

static void api_directories(struct call *call)
{
    if (call->session->place > IN_DIRECTORY)
        wrong_place(call, KIND_DIRECTORY);
    else
        list(call, KIND_DIRECTORY, call->session->at[KIND_DIRECTORY]);
}

static void list_in(struct call *call, enum kind above)
{
    if (call->session->place != (enum place)(above + 1))
        wrong_place(call, above);
    else
        list(call, above + 1, call->session->at[above]);
}

static void api_projects(struct call *call)
{
    if (call->session->place == IN_DIRECTORY && call->session->below) {
        call->status = 200;
        buf_str(&call->body, "{\"data\":[],\"hints\":[],\"warnings\":[]}");
        return;
    }
    list_in(call, KIND_DIRECTORY);
}

static void api_phases(struct call *call)
{
    list_in(call, KIND_PROJECT);
}

static void api_elevations(struct call *call)
{
    list_in(call, KIND_PHASE);
}

/* True when directory is below (or is) the directory `above`; every one is below the root. */
static bool is_below(const struct world *w, uint32_t directory, uint32_t above)
{
    while (directory != above && directory != NO_INDEX) directory = world_parent(w, KIND_DIRECTORY, directory);
    return directory == above;
}

/* Where a select of this kind may be made from: deeper than its parent is sideways or upwards, which a session of the
 * one-way kind refuses. False when the call was answered. */
static bool may_select(struct call *call, enum kind kind)
{
    enum place place = call->session->place, parent = (enum place)kind;
    if (place < parent) {
        wrong_place(call, kind - 1);
        return false;
    }
    bool is_down = kind == KIND_DIRECTORY ? place <= IN_DIRECTORY : place == parent;
    if (is_down || call->sim->options.is_sideways_allowed) return true;
    call_error(call, 409, "The request cannot be performed due to the current resource state.");
    return false;
}

static void select_found(struct call *call, enum kind kind, uint32_t index)
{
    struct session *session = call->session;
    const struct options *o = &call->sim->options;
    const struct world *w = call->sim->world;
    if (index == NO_INDEX) {
        call_error(call, 404, "The requested resource could not be selected because it was not found.");
        return;
    }
    if (kind == KIND_DIRECTORY && !o->is_sideways_allowed) {
        uint32_t here = session->at[KIND_DIRECTORY];
        if (index == here || !is_below(w, index, here)) {
            call_error(call, 409, "The request cannot be performed due to the current resource state.");
            return;
        }
        if (!o->is_jump_allowed && world_parent(w, kind, index) != here) {
            call_error(call, 404, "The requested resource could not be selected because it was not found.");
            return;
        }
    }
    session_enter(session, kind, index);
    call_success(call);
}

/* How many invented directories a path ends in, which a lie about depth has told; they are taken away. */
static unsigned strip_invented(const struct lies *lies, char *path)
{
    static const char tail[] = "/tief";
    unsigned count = 0;
    if (!lies_has(lies, "deep")) return 0;
    for (size_t len; (len = strlen(path)) >= sizeof tail && strcmp(path + len - sizeof tail + 1, tail) == 0; count++)
        path[len - sizeof tail + 1] = 0;
    return count;
}

uint32_t call_find(struct call *call, enum kind kind, const char *identifier, uint32_t parent)
{
    const struct world *w = call->sim->world;
    char guid[IDENTIFIER_SIZE];
    if (kind == KIND_DIRECTORY) return world_find(w, kind, identifier, parent);
    uint32_t index = world_find(w, kind, identifier_read(identifier, guid), parent);
    if (index != NO_INDEX || !(lies_has(&call->sim->lies, "tenant") || lies_has(&call->sim->lies, "tenant-phases")))
        return index;
    tenant_translate(guid);
    return world_find(w, kind, guid, parent);
}

static void api_select(struct call *call, enum kind kind)
{
    const struct world *w = call->sim->world;
    char guid[IDENTIFIER_SIZE];
    if (!may_select(call, kind)) return;
    cJSON *json = request_json(call->req), *member = cJSON_GetObjectItemCaseSensitive(json, "identifier");
    char *identifier = cJSON_GetStringValue(member);
    if (!identifier || !*identifier || (kind != KIND_DIRECTORY && !guid_is_valid(identifier_read(identifier, guid)))) {
        call_error(call, 400, "The request is in an invalid format or is missing required properties.");
    } else {
        uint32_t parent = kind == KIND_DIRECTORY ? NO_INDEX : call->session->at[kind - 1];
        unsigned below = kind == KIND_DIRECTORY ? strip_invented(&call->sim->lies, identifier) : 0;
        uint32_t index = call_find(call, kind, identifier, parent);
        if (index != NO_INDEX && kind != KIND_DIRECTORY && world_parent(w, kind, index) != parent) index = NO_INDEX;
        select_found(call, kind, index);
        if (call->status == 200) call->session->below = below;
    }
    cJSON_Delete(json);
}

static void api_directories_select(struct call *call)
{
    api_select(call, KIND_DIRECTORY);
}

static void api_projects_select(struct call *call)
{
    api_select(call, KIND_PROJECT);
}

static void api_phases_select(struct call *call)
{
    api_select(call, KIND_PHASE);
}

static void api_elevations_select(struct call *call)
{
    api_select(call, KIND_ELEVATION);
}

/* The selected project when the session is in one that still exists; else the call is answered. */
static bool in_project(struct call *call)
{
    if (call->session->place != IN_PROJECT) {
        wrong_place(call, KIND_PROJECT);
        return false;
    }
    if (world_exists(call->sim->world, KIND_PROJECT, call->session->at[KIND_PROJECT])) return true;
    call_error(call, 409, "The request cannot be performed due to the current resource state.");
    return false;
}

static void api_project_selected(struct call *call)
{
    if (!in_project(call)) return;
    call->status = 200;
    buf_str(&call->body, "{\"data\":");
    object_add_json(call->sim->world, KIND_PROJECT, call->session->at[KIND_PROJECT], &call->body);
    buf_str(&call->body, ",\"hints\":[],\"warnings\":[]}");
}

static void api_project_edit(struct call *call)
{
    if (!in_project(call)) return;
    cJSON *json = request_json(call->req), *fields = cJSON_CreateObject();
    const char *name = text_member(json, "name");
    if (!cJSON_IsObject(json) || (cJSON_HasObjectItem(json, "name") && !name)) {
        call_error(call, 400, "The request is in an invalid format or is missing required properties.");
    } else {
        if (name) cJSON_AddStringToObject(fields, "name", name);
        world_change(call->sim->world, KIND_PROJECT, call->session->at[KIND_PROJECT], fields);
        call_success(call);
    }
    cJSON_Delete(fields);
    cJSON_Delete(json);
}

static void api_project_delete(struct call *call)
{
    if (!in_project(call)) return;
    world_delete(call->sim->world, KIND_PROJECT, call->session->at[KIND_PROJECT], false);
    session_leave_project(call->session);
    call_success(call);
}

const struct route api_routes[] = {
    {EVHTTP_REQ_POST, "/auth", EP_AUTH, DELAY_AUTH, true, api_login},
    {EVHTTP_REQ_DELETE, "/auth", EP_LOGOUT, DELAY_LOGOUT, false, api_logout},
    {EVHTTP_REQ_GET, "/version", EP_VERSION, DELAY_NONE, true, api_version},
    {EVHTTP_REQ_GET, "/directories", EP_DIRECTORIES, DELAY_LIST, false, api_directories},
    {EVHTTP_REQ_POST, "/directories/select", EP_DIRECTORIES_SELECT, DELAY_DIRECTORY, false, api_directories_select},
    {EVHTTP_REQ_GET, "/projects", EP_PROJECTS, DELAY_LIST, false, api_projects},
    {EVHTTP_REQ_POST, "/projects/select", EP_PROJECTS_SELECT, DELAY_PROJECT, false, api_projects_select},
    {EVHTTP_REQ_GET, "/projects/selected", EP_PROJECT_SELECTED, DELAY_LIST, false, api_project_selected},
    {EVHTTP_REQ_PATCH, "/projects/selected", EP_PROJECT_EDIT, DELAY_LIST, false, api_project_edit},
    {EVHTTP_REQ_DELETE, "/projects/selected", EP_PROJECT_DELETE, DELAY_LIST, false, api_project_delete},
    {EVHTTP_REQ_GET, "/phases", EP_PHASES, DELAY_LIST, false, api_phases},
    {EVHTTP_REQ_POST, "/phases/select", EP_PHASES_SELECT, DELAY_PHASE, false, api_phases_select},
    {EVHTTP_REQ_GET, "/elevations", EP_ELEVATIONS, DELAY_LIST, false, api_elevations},
    {EVHTTP_REQ_POST, "/elevations/select", EP_ELEVATIONS_SELECT, DELAY_ELEVATION, false, api_elevations_select},
    {EVHTTP_REQ_GET, "/elevations/{id}/thumbnail", EP_THUMBNAIL, DELAY_THUMBNAIL, false, api_thumbnail},
    {EVHTTP_REQ_GET, "/elevations/selected/thumbnail", EP_THUMBNAIL, DELAY_THUMBNAIL, false, api_thumbnail_selected},
    {EVHTTP_REQ_GET, "/elevations/selected/parts-list", EP_PARTS, DELAY_PARTS, false, api_parts},
    {EVHTTP_REQ_GET, "/elevations/selected/drawing", EP_DRAWING, DELAY_THUMBNAIL, false, api_drawing},
    {0, NULL, EP_UNKNOWN, DELAY_NONE, true, NULL},
};
