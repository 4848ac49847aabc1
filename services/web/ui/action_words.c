/* See action_words.h. A pattern's star stands for one part of the path, which is what it was done to. */
#include "services/web/ui/action_words.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/json.h"
#include "ipc/flight.h"

#define RECORDED_MOST 30

static const struct {
    const char *method, *pattern, *what;
} kinds[] = {
    {"POST", "/api/v1/admin/processes/*/restart", "restarted"},
    {"POST", "/api/v1/admin/processes/*/stop", "stopped"},
    {"POST", "/api/v1/admin/processes/*/start", "started"},
    {"POST", "/api/v1/admin/reload", "reloaded"},
    {"POST", "/api/v1/directories/*/exclude", "excluded"},
    {"POST", "/api/v1/directories/bulk-exclude", "excluded-many"},
    {"POST", "/api/v1/admin/sync-intervals", "type-added"},
    {"PUT", "/api/v1/admin/sync-intervals/*", "type-changed"},
    {"DELETE", "/api/v1/admin/sync-intervals/*", "type-deleted"},
    {"POST", "/api/v1/admin/sync-intervals/*/toggle", "type-switched"},
    {"POST", "/api/v1/admin/sync-intervals/*/sync", "type-synced"},
    {"POST", "/api/v1/scheduler/sync/full", "synced-all"},
    {"POST", "/api/v1/scheduler/sync/project/*", "synced"},
    {"POST", "/api/v1/sync/force/project/*", "forced"},
    {"DELETE", "/api/v1/scheduler/tasks/*", "cancelled"},
    {"POST", "/api/v1/admin/tasks/*/again", "sent-again"},
    {"POST", "/api/v1/admin/tasks/bulk", "bulk"},
    {"POST", "/api/v1/admin/queues/*/pause", "paused"},
    {"POST", "/api/v1/admin/queues/*/resume", "resumed"},
    {"DELETE", "/api/v1/admin/queues/*/messages", "emptied"},
    {"POST", "/api/v1/admin/dead-letters/retry", "dead-retried"},
    {"DELETE", "/api/v1/admin/dead-letters/*", "dead-deleted"},
    {"DELETE", "/api/v1/admin/dead-letters", "dead-deleted-all"},
    {"POST", "/api/v1/admin/clients/", "client-added"},
    {"PUT", "/api/v1/admin/clients/*", "client-changed"},
    {"DELETE", "/api/v1/admin/clients/*", "client-deleted"},
    {"POST", "/api/v1/admin/clients/*/regenerate-secret", "client-secret"},
    {"POST", "/api/v1/admin/clients/*/rotate-secret", "client-secret"},
    {"POST", "/api/v1/admin/holds/*/apply", "hold-applied"},
    {"POST", "/api/v1/admin/holds/*/refuse", "hold-refused"},
    {"POST", "/api/v1/admin/schedule/*/run", "entry-run"},
    {"POST", "/api/v1/admin/schedule/*/pause", "entry-paused"},
    {"POST", "/api/v1/admin/schedule/*/resume", "entry-resumed"},
    {"POST", "/api/v1/admin/silences", "silenced"},
    {"POST", "/ui/logout", "left"},
    {"RUN", "*", "ran"},
};

/* of: where the star stood; at most one. */
static bool matches(const char *path, const char *pattern, char *of, size_t size)
{
    size_t head = strcspn(pattern, "*");
    *of = '\0';
    if (!pattern[head]) return strcmp(path, pattern) == 0;
    if (strncmp(path, pattern, head) != 0) return false;
    const char *tail = pattern + head + 1, *rest = path + head;
    size_t len = *pattern == '*' ? strlen(rest) : strcspn(rest, "/");
    if (len == 0 || strcmp(rest + len, tail) != 0) return false;
    snprintf(of, size, "%.*s", (int)len, rest);
    return true;
}

void action_words_add(cJSON *actions)
{
    cJSON *each;
    char of[300];
    cJSON_ArrayForEach(each, actions) {
        const char *method = json_text(each, "method"), *path = json_text(each, "path");
        for (size_t i = 0; method && path && i < sizeof kinds / sizeof *kinds; i++) {
            if (strcmp(method, kinds[i].method) != 0 || !matches(path, kinds[i].pattern, of, sizeof of)) continue;
            cJSON_AddStringToObject(each, "what", kinds[i].what);
            if (json_text(each, "of")) break;
            cJSON_DeleteItemFromObjectCaseSensitive(each, "of"); /* null */
            cJSON_AddStringToObject(each, "of", of);
            break;
        }
    }
}

cJSON *action_recorded(const char *run_dir)
{
    static const char *const told[] = {"held", "released", "restart", "reload", "reload-refused", "gate", "stop"};
    cJSON *events = flight_read(run_dir, NULL, NULL), *out = cJSON_CreateArray(), *each;
    for (int i = cJSON_GetArraySize(events) - 1; i >= 0 && cJSON_GetArraySize(out) < RECORDED_MOST; i--) {
        each = cJSON_GetArrayItem(events, i);
        const char *event = json_text(each, "event");
        for (size_t k = 0; event && k < sizeof told / sizeof *told; k++) {
            char at[CLOCK_TEXT_SIZE];
            if (strcmp(event, told[k]) != 0) continue;
            cJSON *one = cJSON_Duplicate(each, true);
            cJSON_AddStringToObject(one, "at", clock_iso_ms(json_whole(each, "at_ms", 0), at));
            cJSON_AddItemToArray(out, one);
            break;
        }
    }
    cJSON_Delete(events);
    return out;
}
