/* Bodies and parameters of requests against every shape that the API knows. short run: 10000 */
#include "ipc/queue/queue_message.h"
#include "services/web/http/schema/schema.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    const char *const *names;
    int count = schema_names(&names);
    const char *schema = schema_named(names[data[0] % count]);
    char *text = fuzz_text(data + 1, size - 1);
    struct schema_fault fault = {0};
    PROMISE(schema);
    cJSON *json = cJSON_ParseWithLength(text, size - 1);
    if (json && schema_check(schema, json, &fault) != 0) PROMISE(fault.type[0] && fault.msg[0]);
    cJSON_Delete(json);
    struct schema_member m;
    for (const char *at = NULL; *schema == '{' && schema_next(schema, &at, &m);)
        if (schema_check_text(schema, m.name, text, &fault) != 0) PROMISE(fault.type[0]);
    free(text);
    return 0;
}
