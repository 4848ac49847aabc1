/* The flight recorder's file: see flight.h. It is opened for each writing, so that one which was removed, or a run
 * directory that was made again, needs no further thought. Nothing waits for the disk: a killed container has the
 * kernel write what it took. */
#include "ipc/flight.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/machine/file.h"
#include "conf/text/utf8.h"

#define TIME_MAX_MS 253402300799999.0 /* the end of the year 9999 */
#define NUMBER_MAX  1e12              /* printed without an exponent */
#define UUID_LEN    36

static const struct flight_text {
    const char *name;
    size_t most;
} texts[] = {{"host", 64},  {"version", 64}, {"event", 32},
             {"child", 64}, {"text", 1024},  {"detail", FLIGHT_DETAIL_BYTES}};
#define TEXTS (sizeof texts / sizeof *texts)

char *flight_line(const struct flight_event *e)
{
    const char *values[TEXTS] = {e->host, e->version, e->event, e->child, e->text, e->detail};
    struct buf out = {0};
    buf_str(&out, "{\"source\":");
    buf_json_string(&out, e->source, strlen(e->source));
    buf_printf(&out, ",\"n\":%lld,\"at_ms\":%lld,\"pid\":%d", (long long)e->n, (long long)e->at_ms, e->pid);
    for (size_t i = 0; i < TEXTS; i++) {
        const char *value = values[i] ? values[i] : "";
        buf_printf(&out, ",\"%s\":", texts[i].name);
        buf_json_string(&out, value, utf8_cut(value, texts[i].most));
    }
    buf_str(&out, "}\n");
    if (!out.failed) return buf_steal(&out);
    buf_free(&out);
    return NULL;
}

/* ---- writing ---- */

static const char *path_of(const char *run_dir, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", run_dir, name);
    return out;
}

static int open_file(const char *path, int64_t *size, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *size = (int64_t)st.st_size;
        return fd;
    }
    if (fd >= 0) {
        close(fd);
        errno = EINVAL;
    }
    err_errno(err, "recording events in %s", path);
    return -1;
}

static bool is_torn(int fd, int64_t size)
{
    char last = '\n';
    return size > 0 && pread(fd, &last, 1, (off_t)size - 1) == 1 && last != '\n';
}

int flight_append(const char *run_dir, const char *lines, size_t len, struct err *err)
{
    char path[PATH_MAX], before[PATH_MAX];
    int64_t size;
    int fd = open_file(path_of(run_dir, FLIGHT_FILE, path), &size, err);
    if (fd < 0) return -ERR_SYSTEM;
    if (size > 0 && size + (int64_t)len > FLIGHT_FILE_BYTES &&
        rename(path, path_of(run_dir, FLIGHT_FILE_BEFORE, before)) == 0) {
        close(fd);
        fd = open_file(path, &size, err);
        if (fd < 0) return -ERR_SYSTEM;
    }
    int rc = (is_torn(fd, size) && file_write_all(fd, "\n", 1) != 0) || file_write_all(fd, lines, len) != 0
                 ? err_errno(err, "recording events in %s", path)
                 : 0;
    if (rc != 0 && ftruncate(fd, (off_t)size) != 0) rc = -ERR_SYSTEM; /* a torn line, which readers pass over */
    close(fd);
    return rc;
}

/* ---- reading ---- */

static bool is_uuid(const char *text)
{
    size_t i = 0;
    for (; text && i < UUID_LEN; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) return false;
    }
    return text && i == UUID_LEN && !text[i];
}

static bool take_number(cJSON *to, const cJSON *from, const char *name, double least, double most)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(from, name);
    if (!cJSON_IsNumber(number) || !(number->valuedouble >= least) || !(number->valuedouble <= most)) return false;
    return cJSON_AddNumberToObject(to, name, (double)(int64_t)number->valuedouble) != NULL;
}

static bool take_text(cJSON *to, const cJSON *from, const struct flight_text *t)
{
    char copy[FLIGHT_DETAIL_BYTES + 1];
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(from, t->name));
    if (!text) return false;
    size_t len = utf8_cut(text, t->most);
    memcpy(copy, text, len);
    copy[len] = 0;
    utf8_repair(copy, len);
    return cJSON_AddStringToObject(to, t->name, copy) != NULL;
}

/* The event of a line, with nothing in it that was not asked for; NULL = it is none. */
static cJSON *event_of(const char *line, size_t len)
{
    cJSON *from = memchr(line, 0, len) ? NULL : cJSON_ParseWithLengthOpts(line, len, NULL, false);
    cJSON *event = cJSON_IsObject(from) ? cJSON_CreateObject() : NULL;
    const char *source = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(from, "source"));
    bool is_one = event && is_uuid(source) && cJSON_AddStringToObject(event, "source", source) &&
                  take_number(event, from, "n", 1, NUMBER_MAX) && take_number(event, from, "at_ms", 0, TIME_MAX_MS) &&
                  take_number(event, from, "pid", 0, INT_MAX);
    for (size_t i = 0; is_one && i < TEXTS; i++) is_one = take_text(event, from, &texts[i]);
    cJSON_Delete(from);
    if (is_one) return event;
    cJSON_Delete(event);
    return NULL;
}

static void read_file(const char *path, cJSON *events, int64_t *unreadable)
{
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0) return;
    size_t size = st.st_size < 2 * FLIGHT_FILE_BYTES ? (size_t)st.st_size : 2 * FLIGHT_FILE_BYTES, len = 0;
    char *text = malloc(size);
    if (text) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        for (ssize_t n; fd >= 0 && len < size && (n = read(fd, text + len, size - len)) > 0;) len += (size_t)n;
        if (fd >= 0) close(fd);
        for (size_t at = 0, line; at < len; at += line + 1) {
            const char *end = memchr(text + at, '\n', len - at);
            line = end ? (size_t)(end - text) - at : len - at;
            cJSON *event = line ? event_of(text + at, line) : NULL;
            if (event)
                cJSON_AddItemToArray(events, event);
            else if (line)
                ++*unreadable;
        }
    }
    free(text);
}

static void look_at(const char *path, uint64_t *inode, int64_t *size)
{
    struct stat st;
    bool is_there = lstat(path, &st) == 0;
    *inode = is_there ? (uint64_t)st.st_ino : 0;
    *size = is_there ? (int64_t)st.st_size : 0;
}

cJSON *flight_read(const char *run_dir, struct flight_place *place, int64_t *unreadable)
{
    char path[PATH_MAX], before[PATH_MAX];
    struct flight_place now;
    int64_t none = 0;
    path_of(run_dir, FLIGHT_FILE, path);
    path_of(run_dir, FLIGHT_FILE_BEFORE, before);
    look_at(path, &now.inode, &now.size);
    look_at(before, &now.inode_before, &now.size_before);
    bool is_same = place && place->inode == now.inode && place->size == now.size &&
                   place->inode_before == now.inode_before && place->size_before == now.size_before;
    if (is_same || (!now.inode && !now.inode_before)) return NULL;
    if (place) *place = now;
    if (!unreadable) unreadable = &none;
    *unreadable = 0;
    cJSON *events = cJSON_CreateArray();
    if (!events) return NULL;
    read_file(before, events, unreadable);
    read_file(path, events, unreadable);
    return events;
}
