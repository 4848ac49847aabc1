/* Faults of the upstream: calls that fail, answers that lie, a company that changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/buf.h"
#include "tests/chaos/chaos.h"

#define LIES_MOST 4 /* at once */

void upstream_misbehaves(struct chaos *c)
{
    static const char *const kinds[] = {"status", "cut", "garbage", "truncate", "expire", "locked", "slow"};
    char rule[200];
    snprintf(rule, sizeof rule,
             "{\"rules\":[{\"endpoint\":\"*\",\"kind\":\"%s\",\"status\":503,\"probability\":0.%d}]}",
             kinds[chaos_random(c, sizeof kinds / sizeof *kinds)], 1 + (int)chaos_random(c, 6));
    chaos_say(c, "upstream: %s", rule);
    sim_post(&c->sys.sim, "faults", rule);
    chaos_pass(c, 500, 3000);
    sim_post(&c->sys.sim, "faults/clear", "{}");
}

void upstream_changes(struct chaos *c)
{
    char body[80];
    snprintf(body, sizeof body, "{\"seed\":%d,\"count\":5}", (int)chaos_random(c, 1000000));
    chaos_say(c, "upstream: mutate %s", body);
    sim_post(&c->sys.sim, "mutate", body);
    chaos_sql(c, "UPDATE object_sync_configs SET last_sync = last_sync - interval '1 day'");
}

/* The names of the catalogue, read once. */
static cJSON *catalogue(struct chaos *c)
{
    static cJSON *lies;
    if (lies) return lies;
    char *text = sim_get(&c->sys.sim, "lies");
    cJSON *json = cJSON_Parse(text);
    lies = cJSON_DetachItemFromObjectCaseSensitive(json, "catalogue");
    if (cJSON_GetArraySize(lies) == 0) chaos_fail(c, "the simulator has no lies");
    cJSON_Delete(json);
    free(text);
    return lies;
}

/* A random mixture, each told now and then. Half of the time it goes on while other faults strike, until the next. */
void upstream_lies(struct chaos *c)
{
    const cJSON *lies = catalogue(c);
    struct buf body = {0};
    buf_printf(&body, "{\"seed\":%d,\"lies\":[", (int)chaos_random(c, 1000000));
    for (uint64_t i = 0, n = 1 + chaos_random(c, LIES_MOST); i < n; i++) {
        const cJSON *lie = cJSON_GetArrayItem(lies, (int)chaos_random(c, (uint64_t)cJSON_GetArraySize(lies)));
        const cJSON *places = cJSON_GetObjectItemCaseSensitive(lie, "where");
        const cJSON *place = cJSON_GetArrayItem(places, (int)chaos_random(c, (uint64_t)cJSON_GetArraySize(places)));
        buf_printf(&body, "%s{\"name\":\"%s\",\"where\":\"%s\",\"probability\":0.%d}", i ? "," : "",
                   cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(lie, "name")), place->valuestring,
                   1 + (int)chaos_random(c, 9));
    }
    buf_str(&body, "]}");
    chaos_say(c, "upstream: %s", body.data);
    sim_post(&c->sys.sim, "lies", body.data);
    chaos_sql(c, "UPDATE object_sync_configs SET last_sync = last_sync - interval '1 day'");
    chaos_pass(c, 500, 3000);
    if (chaos_random(c, 2)) sim_post(&c->sys.sim, "lies/clear", "{}");
    buf_free(&body);
}
