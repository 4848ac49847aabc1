/* The flight recorder's files: whatever lies in RUN_DIR, web reads events out of it that are whole, and what is
 * appended behind it is read again. short run: 1500 */
#include <fcntl.h>

#include "conf/text/utf8.h"
#include "ipc/flight.h"
#include "tests/fuzz/fuzz.h"

static char run_dir[64];
static char file[96];

static void remove_run_dir(void)
{
    unlink(file);
    rmdir(run_dir);
}

static void set_up(void)
{
    if (*file) return;
    fuzz_dir(run_dir, sizeof run_dir);
    snprintf(file, sizeof file, "%s/%s", run_dir, FLIGHT_FILE);
    atexit(remove_run_dir);
}

static void write_file(const uint8_t *data, size_t size)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    close(fd);
}

static void check_text(const cJSON *event, const char *name, size_t most)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, name));
    PROMISE(text && strlen(text) <= most && utf8_is_valid(text, strlen(text)));
}

static void check(const cJSON *event)
{
    static const char *const texts[] = {"source", "host", "version", "event", "child", "text", "detail"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) check_text(event, texts[i], FLIGHT_DETAIL_BYTES);
    PROMISE(cJSON_GetObjectItemCaseSensitive(event, "n")->valuedouble >= 1);
    PROMISE(cJSON_GetObjectItemCaseSensitive(event, "at_ms")->valuedouble >= 0);
    PROMISE(cJSON_GetArraySize(event) == 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct flight_place place = {0};
    int64_t unreadable = -1, still = -1;
    set_up();
    write_file(data, size);
    cJSON *events = flight_read(run_dir, &place, &unreadable);
    const cJSON *e;
    PROMISE(events && unreadable >= 0 && unreadable + cJSON_GetArraySize(events) <= (int64_t)size + 1);
    cJSON_ArrayForEach(e, events) check(e);
    PROMISE(!flight_read(run_dir, &place, &still));

    char *text = fuzz_text(data, size < 300 ? size : 300);
    struct flight_event own = {
        "15782e4d-a69c-4ce5-9c17-d3060a039b2d", 7, 1780000000000, "box", "0.2", "exit", "web.0", 12, text, text};
    char *line = flight_line(&own);
    PROMISE(line && flight_append(run_dir, line, strlen(line), &err) == 0);
    cJSON *more = flight_read(run_dir, &place, &still);
    PROMISE(cJSON_GetArraySize(more) == cJSON_GetArraySize(events) + 1 && still == unreadable);
    check(cJSON_GetArrayItem(more, cJSON_GetArraySize(more) - 1));
    cJSON_Delete(more);
    cJSON_Delete(events);
    free(line);
    free(text);
    return 0;
}
