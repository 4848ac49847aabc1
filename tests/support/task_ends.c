/* See task_ends.h. A hundred quick tasks that succeed are among them: those leave no row. */
#include "tests/support/task_ends.h"

#define D   "tasks.diagnostics."
#define ODD "failed-\xd8\xba \\u0000 '\" %"

const struct task_end task_ends[] = {
    {"long", "success", "whole", "run_ms > 2 AND args = '[0.01]' AND result = '0.01' AND error IS NULL"},
    {"failed", "failure", "whole", "error = 'Küche \"1\"' AND result LIKE '%ValueError%' AND tries = 1"},
    {ODD, "failure", "whole", "queue = 'sync'"},
    {"retried", "failure", "whole", "tries = 2 AND error = 'again'"},
    {"said-no", "failure", "whole", "error = 'the door is shut' AND kwargs LIKE '%shut%'"},
    {"exact", "failure", "whole",
     "args = '[12345678901234567890123,0.1000]' OR args LIKE '[12345678901234567890123,%'"},
    {"secret", "failure", "masked", "kwargs = '{\"deep\":{\"password\":\"***\"},\"message\":\"m\"}'"},
    {"secret-in-result", "failure", "masked", "result NOT LIKE '%hidden%' AND kwargs NOT LIKE '%hidden%'"},
    {"secret-in-text", "failure", "masked",
     "args = '[\"https://h/?token=*** redis://u:***@h\"]' AND error = 'https://h/?token=*** redis://u:***@h'"
     " AND result NOT LIKE '%hidden%'"},
    {"large", "failure", "large", "args IS NULL AND kwargs IS NULL"},
    {"packed", "dead", "packed", "args IS NULL"},
    {"expired", "expired", "whole", "run_ms IS NULL AND started_at IS NULL"},
    {"revoked", "revoked", "whole", "true"},
    {"scheduled", "revoked", "whole", "queue = 'sync' AND args = '[1]' AND error LIKE '%where it waited'"},
    {"swept", "revoked", "whole", "queue = 'sync' AND name LIKE '%noop' AND ended_at > now() - interval '1 hour'"},
    {"unknown", "dead", "whole", "name = 'tasks.of.somebody_else' AND error LIKE 'NotRegistered%'"},
    {"crashing", "dead", "whole", "deliveries = 2 AND error LIKE '%died each time%'"},
    {0},
};

static void send_one(struct rig *rig, const char *task, const char *id, const char *args, const char *kwargs,
                     int64_t expires_us)
{
    cJSON *list = cJSON_Parse(args), *named = kwargs ? cJSON_Parse(kwargs) : NULL;
    struct message_spec spec = {
        .task = task, .id = id, .queue = "sync", .args = list, .kwargs = named, .expires_us = expires_us};
    rig_send_spec(rig, &spec);
    cJSON_Delete(list);
    cJSON_Delete(named);
}

void task_ends_send_large(struct rig *rig, const char *id, size_t bytes)
{
    cJSON *list = cJSON_CreateArray();
    char *text = calloc(1, bytes + 1);
    memset(text, 'x', bytes);
    cJSON_AddItemToArray(list, cJSON_CreateString(text));
    struct message_spec spec = {.task = D "fail", .id = id, .queue = "sync", .args = list};
    rig_send_spec(rig, &spec);
    cJSON_Delete(list);
    free(text);
}

/* No worker looks into a body before a runner does; this one says that it is compressed. */
static void send_packed(struct rig *rig, const char *id)
{
    cJSON *headers = cJSON_Parse("{\"compression\":\"application/x-gzip\"}");
    struct message_spec spec = {
        .task = D "noop", .id = id, .queue = "sync", .body = "[[], {}, {}]", .headers = headers};
    rig_send_spec(rig, &spec);
    cJSON_Delete(headers);
}

void task_ends_send(struct rig *rig)
{
    for (int i = 0; i < 100; i++) {
        char id[32];
        snprintf(id, sizeof id, "quick%d", i);
        send_one(rig, D "noop", id, "[]", NULL, 0);
    }
    send_one(rig, D "sleep", "long", "[0.01]", NULL, 0);
    send_one(rig, D "fail", "failed", "[\"Küche \\\"1\\\"\"]", NULL, 0);
    send_one(rig, D "fail", ODD, "[]", NULL, 0);
    send_one(rig, D "fail", "retried", "[\"again\",1]", NULL, 0);
    send_one(rig, D "echo", "said-no", "[]", "{\"success\":false,\"message\":\"the door is shut\"}", 0);
    task_ends_send_large(rig, "large", 20000);
    send_one(rig, D "fail", "secret", "[]", "{\"deep\":{\"password\":\"hidden\"},\"message\":\"m\"}", 0);
    send_one(rig, D "echo", "secret-in-result", "[]", "{\"success\":false,\"api_key\":\"hidden\"}", 0);
    send_one(rig, D "fail", "secret-in-text", "[\"https://h/?token=hidden redis://u:hidden@h\"]", NULL, 0);
    send_packed(rig, "packed");
    send_one(rig, D "noop", "expired", "[]", NULL, 1000000);
    send_one(rig, "tasks.of.somebody_else", "unknown", "[1]", NULL, 0);
    send_one(rig, D "crash", "crashing", "[9]", NULL, 0);
    struct message_spec exact = {
        .task = D "fail", .id = "exact", .queue = "sync", .body = "[[12345678901234567890123, 0.1000], {}, {}]"};
    rig_send_spec(rig, &exact);
    rig_push(rig, "sync", "this is no message", 18);
    rig_push(rig, "sync", "{\"headers\":{\"id\":\"halved\"},\"body\":7}", 36);
}
