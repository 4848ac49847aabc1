/* Asks for syncs and waits for what comes of them; the upstream may change before each. */
#include <stdlib.h>
#include <string.h>

#include "tests/load/client.h"

static void change_upstream(struct load_client *c)
{
    char json[100];
    snprintf(json, sizeof json, "{\"type\":\"elevation\",\"count\":3,\"seed\":%d}", (int)client_random(c, 1000000));
    sim_post(&c->load->sys->sim, "change", json);
}

/* Logikal's id of any project; "" when there was no answer. */
static void any_project(struct load_client *c, char *out, size_t size)
{
    struct call list = {.method = "GET", .path = "/api/v1/projects/cached", .access = FOR_CLIENTS, .who = CLIENT};
    cJSON *json = client_json(c, &list);
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(json, "data");
    int count = cJSON_GetArraySize(rows);
    const cJSON *row = count > 0 ? cJSON_GetArrayItem(rows, (int)client_random(c, (uint64_t)count)) : NULL;
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "logikal_id"));
    snprintf(out, size, "%s", id ? id : "");
    cJSON_Delete(json);
}

static void force(struct load_client *c)
{
    static const char *const whole[] = {"/api/v1/sync/force/directories", "/api/v1/sync/incremental",
                                        "/api/v1/sync/full"};
    char project[100], path[200];
    size_t i = client_random(c, 8);
    if (i < 3) {
        snprintf(path, sizeof path, "%s", whole[i]);
    } else {
        any_project(c, project, sizeof project);
        if (!project[0]) return;
        snprintf(path, sizeof path, "/api/v1/sync/force/project/%s", project);
    }
    struct call post = {
        .method = "POST", .path = path, .access = FOR_CLIENTS, .who = CLIENT, .may_be_gone = true, .may_fail = true};
    cJSON *json = client_json(c, &post);
    const cJSON *success = cJSON_GetObjectItemCaseSensitive(json, "success");
    char *text = json && !cJSON_IsTrue(success) ? cJSON_PrintUnformatted(json) : NULL;
    if (text && c->load->is_strict) client_complain(c, "%s: %.300s", path, text);
    free(text);
    cJSON_Delete(json);
}

int syncer_run(struct load_client *c)
{
    for (; !client_is_over(c); client_pause(c)) {
        if (c->load->changes_upstream) change_upstream(c);
        force(c);
    }
    return 0;
}
