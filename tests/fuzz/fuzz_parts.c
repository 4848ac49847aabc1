/* Parts lists: SQLite files that a stranger made. What is read holds numbers that are numbers, and is the same when it
 * is read again, packed, by a connection that is kept from file to file. short run: 1500 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "services/parts/read.h"
#include "services/parts/verify.h"
#include "services/store/frames.h"
#include "services/store/unframe.h"
#include "tests/fuzz/fuzz.h"

static bool is_same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Of a damaged file SQLite may read what happens to stand behind a page: only what was verified is the same. */
static void read_again(const uint8_t *data, size_t size, int rc, const struct parts_data *first)
{
    static struct unframer *frames;
    struct err err = {0};
    struct packed packed;
    struct parts_data again;
    if (!frames) frames = unframer_new(NULL);
    if (!frames || frames_pack(data, size, &packed, NULL) < 0) return;
    PROMISE(unframer_open(frames, packed.content.data, packed.content.len, size, &err) == 0);
    int rc_again = parts_read_frames(frames, "P01", "{15782E4D-A69C-4CE5-9C17-D3060A039B2D}", &again, &err);
    PROMISE(rc_again == rc || rc == -ERR_TIMEOUT || rc_again == -ERR_TIMEOUT);
    bool is_read = rc == 0 && rc_again == 0;
    PROMISE(!is_read || (is_same_text(first->tables, again.tables) && is_same_text(first->texts[0], again.texts[0])));
    PROMISE(!is_read || (strcmp(first->problem, again.problem) == 0 && first->parts_count == again.parts_count));
    for (int k = 0; k < PARTS_KINDS && is_read; k++) PROMISE(is_same_text(first->lines[k].json, again.lines[k].json));
    unframer_close(frames);
    packed_free(&packed);
    parts_data_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct parts_data parts;
    int verified = parts_verify(data, size, &err);
    PROMISE(verified <= 0 && (verified == 0 || err.text[0]));
    int rc = parts_read(data, size, "P01", "{15782E4D-A69C-4CE5-9C17-D3060A039B2D}", &parts, &err);
    PROMISE(rc <= 0 && (rc == 0 || err.text[0]));
    if (rc == 0) {
        for (int i = 0; i < PARTS_NUMBERS; i++) PROMISE(!parts.numbers[i].is_set || isfinite(parts.numbers[i].value));
        for (size_t i = 0; i < parts.glass_count; i++) PROMISE(parts.glass[i].id && *parts.glass[i].id);
        PROMISE(parts.parts_count >= 0);
    }
    if (verified == 0) read_again(data, size, rc, &parts);
    parts_data_free(&parts);
    return 0;
}
