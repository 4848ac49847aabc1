/* Follows the feed of changes by its cursor, as an ERP does: what it was told is written down, and it goes on from
 * there. An answer that breaks off counts for nothing. */
#include <string.h>

#include "tests/load/client.h"

#define WAIT_MOST 4 /* seconds that an answer is held for */

bool follower_note(FILE *out, const cJSON *page)
{
    const cJSON *change, *changes = cJSON_GetObjectItemCaseSensitive(page, "changes");
    const char *next = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(page, "next"));
    if (!next || !cJSON_IsArray(changes)) return false;
    cJSON_ArrayForEach(change, changes) {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(change, "id");
        fprintf(out, "%s %s %s %.0f\n", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(change, "cursor")),
                cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(change, "type")),
                cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(change, "operation")), id ? id->valuedouble : 0);
    }
    fprintf(out, "= %s\n", next);
    fflush(out);
    return true;
}

int follower_run(struct load_client *c)
{
    char path[200], cursor[120] = "now";
    FILE *out = fopen(c->load->feed, "ae");
    for (; out && !client_is_over(c); client_pause(c)) {
        snprintf(path, sizeof path, "/api/v1/changes?limit=500&since=%s&wait=%d", cursor,
                 strcmp(cursor, "now") == 0 ? 0 : (int)client_random(c, WAIT_MOST + 1)); /* where it begins, at once */
        struct call call = {.method = "GET", .path = path, .access = FOR_CLIENTS, .who = CLIENT};
        cJSON *page = client_json(c, &call);
        if (page && !follower_note(out, page)) client_complain(c, "%s: an answer without changes or next", path);
        const char *next = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(page, "next"));
        if (next) snprintf(cursor, sizeof cursor, "%s", next);
        cJSON_Delete(page);
    }
    return out && fclose(out) == 0 ? 0 : 2;
}
