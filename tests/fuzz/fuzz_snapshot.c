/* The supervisor's status file, which the web process reads: whatever is taken can be written and read again. */
#include "ipc/snapshot.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct snapshot s, again;
    struct err err = {0};
    cJSON *json = cJSON_ParseWithLength((const char *)data, size);
    if (snapshot_from_json(json, &s, &err) == 0) {
        PROMISE(s.count >= 0 && s.count <= SNAPSHOT_CHILDREN_MAX);
        cJSON *out = snapshot_to_json(&s);
        PROMISE(out && snapshot_from_json(out, &again, &err) == 0 && again.count == s.count);
        cJSON_Delete(out);
    }
    cJSON_Delete(json);
    return 0;
}
