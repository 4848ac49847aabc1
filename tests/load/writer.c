/* The only client that changes settings: what it was told is so must be so when it reads it back. */
#include <stdlib.h>
#include <string.h>

#include "tests/load/client.h"

static int number_of(const cJSON *json, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    if (cJSON_IsBool(value)) return cJSON_IsTrue(value);
    return cJSON_IsNumber(value) ? value->valueint : -1;
}

static void expect(struct load_client *c, const struct call *call, const cJSON *json, const char *name, int wanted)
{
    if (json && number_of(json, name) != wanted)
        client_complain(c, "%s %s: %s is %d, not %d", call->method, call->path, name, number_of(json, name), wanted);
}

static void change_interval(struct load_client *c)
{
    char body[80];
    int minutes = 1 + (int)client_random(c, 59);
    snprintf(body, sizeof body, "{\"sync_interval_minutes\":%d}", minutes);
    struct call put = {.method = "PUT",
                       .path = "/api/v1/admin/sync-intervals/elevation",
                       .body = body,
                       .access = FOR_ADMINS,
                       .who = ADMIN};
    struct call get = {.method = "GET", .path = put.path, .access = FOR_ADMINS, .who = ADMIN};
    cJSON *done = client_json(c, &put);
    expect(c, &put, done, "sync_interval_minutes", minutes);
    cJSON *read = done ? client_json(c, &get) : NULL;
    expect(c, &get, read, "sync_interval_minutes", minutes);
    cJSON_Delete(done);
    cJSON_Delete(read);
}

/* Id of any directory; 0 when there was no answer. */
static int any_directory(struct load_client *c)
{
    struct call list = {.method = "GET", .path = "/api/v1/directories/cached", .access = FOR_CLIENTS, .who = CLIENT};
    cJSON *json = client_json(c, &list);
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(json, "data");
    int count = cJSON_GetArraySize(rows), id = 0;
    if (count > 0) id = number_of(cJSON_GetArrayItem(rows, (int)client_random(c, (uint64_t)count)), "id");
    cJSON_Delete(json);
    return id;
}

static bool is_listed(const cJSON *list, int id)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(list, "data"))
        if (number_of(row, "id") == id) return true;
    return false;
}

/* False when it was not done. */
static bool exclude(struct load_client *c, int id, bool is_excluded)
{
    char path[100];
    snprintf(path, sizeof path, "/api/v1/directories/%d/exclude", id);
    struct call post = {.method = "POST",
                        .path = path,
                        .body = is_excluded ? "{\"exclude\":true}" : "{\"exclude\":false}",
                        .access = FOR_CLIENTS,
                        .who = CLIENT};
    cJSON *done = client_json(c, &post);
    expect(c, &post, done, "exclude_from_sync", is_excluded);
    bool is_done = done != NULL;
    cJSON_Delete(done);
    return is_done;
}

static void leave_out_for_a_while(struct load_client *c)
{
    struct call syncable = {
        .method = "GET", .path = "/api/v1/directories/syncable/", .access = FOR_CLIENTS, .who = CLIENT};
    int id = any_directory(c);
    if (id <= 0 || !exclude(c, id, true)) return;
    cJSON *list = client_json(c, &syncable);
    if (list && is_listed(list, id)) client_complain(c, "directory %d is left out and still listed", id);
    cJSON_Delete(list);
    client_pause(c);
    exclude(c, id, false);
}

int writer_run(struct load_client *c)
{
    for (; !client_is_over(c); client_pause(c)) client_random(c, 2) ? change_interval(c) : leave_out_for_a_while(c);
    return 0;
}
