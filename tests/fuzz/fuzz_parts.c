/* Parts lists: SQLite files that a stranger made. What is read holds numbers that are numbers. short run: 1500 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "services/parts/read.h"
#include "services/parts/verify.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct parts_data parts;
    int rc = parts_verify(data, size, &err);
    PROMISE(rc <= 0 && (rc == 0 || err.text[0]));
    rc = parts_read(data, size, "P01", "{15782E4D-A69C-4CE5-9C17-D3060A039B2D}", &parts, &err);
    PROMISE(rc <= 0 && (rc == 0 || err.text[0]));
    if (rc == 0) {
        for (int i = 0; i < PARTS_NUMBERS; i++) PROMISE(!parts.numbers[i].is_set || isfinite(parts.numbers[i].value));
        for (size_t i = 0; i < parts.glass_count; i++) PROMISE(parts.glass[i].id && *parts.glass[i].id);
        PROMISE(parts.parts_count >= 0);
    }
    parts_data_free(&parts);
    return 0;
}
