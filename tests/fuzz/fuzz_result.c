/* Task results as other Celery programs store them: anything malformed reads as a state, never as a crash. */
#include "ipc/queue/result.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct result result;
    struct buf error = {0};
    cJSON *owner = NULL;
    result_decode(text, size, "4a1f5a7e-0000-4000-8000-000000000000", &result, &owner, &error);
    cJSON_Delete(owner);
    buf_free(&error);
    free(text);
    return 0;
}
