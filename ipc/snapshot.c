/* The status snapshot: see snapshot.h. One table of fields serves both writing and reading. */
#include "ipc/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "conf/machine/file.h"

#define FILE_LIMIT_BYTES (1024 * 1024)

enum field_type { FIELD_TEXT, FIELD_INT, FIELD_INT64, FIELD_BOOL };
struct snapshot_field {
    const char *name;
    enum field_type type;
    size_t offset, size;
};

#define FIELD(of, member, type)                                                                                        \
    {                                                                                                                  \
#member, type, offsetof(of, member), sizeof(((of *)0)->member)                                                 \
    }

static const struct snapshot_field head_fields[] = {
    FIELD(struct snapshot, written_ms, FIELD_INT64),
    FIELD(struct snapshot, started_ms, FIELD_INT64),
    FIELD(struct snapshot, pid, FIELD_INT),
    FIELD(struct snapshot, version, FIELD_TEXT),
    FIELD(struct snapshot, supervisor_id, FIELD_TEXT),
    FIELD(struct snapshot, state, FIELD_TEXT),
    FIELD(struct snapshot, background_sync, FIELD_BOOL),
    FIELD(struct snapshot, background_note, FIELD_TEXT),
    FIELD(struct snapshot, listening, FIELD_TEXT),
    FIELD(struct snapshot, reloads, FIELD_INT64),
    FIELD(struct snapshot, reloads_refused, FIELD_INT64),
    FIELD(struct snapshot, reload_ms, FIELD_INT64),
    FIELD(struct snapshot, reload_error, FIELD_TEXT),
    FIELD(struct snapshot, memory_limit_bytes, FIELD_INT64),
    FIELD(struct snapshot, memory_used_bytes, FIELD_INT64),
    FIELD(struct snapshot, oom_kills, FIELD_INT64),
    FIELD(struct snapshot, memory_pressure_permille, FIELD_INT),
    FIELD(struct snapshot, memory_limit_hits, FIELD_INT64),
    FIELD(struct snapshot, rss_bytes, FIELD_INT64),
    FIELD(struct snapshot, pss_bytes, FIELD_INT64),
    FIELD(struct snapshot, orphans_reaped, FIELD_INT64),
    FIELD(struct snapshot, log_lines_dropped, FIELD_INT64),
    FIELD(struct snapshot, events_dropped, FIELD_INT64),
    {0},
};

static const struct snapshot_field child_fields[] = {
    FIELD(struct snapshot_child, name, FIELD_TEXT),
    FIELD(struct snapshot_child, role, FIELD_TEXT),
    FIELD(struct snapshot_child, state, FIELD_TEXT),
    FIELD(struct snapshot_child, status, FIELD_TEXT),
    FIELD(struct snapshot_child, last_exit, FIELD_TEXT),
    FIELD(struct snapshot_child, last_exit_ms, FIELD_INT64),
    FIELD(struct snapshot_child, pid, FIELD_INT),
    FIELD(struct snapshot_child, started_ms, FIELD_INT64),
    FIELD(struct snapshot_child, uptime_s, FIELD_INT64),
    FIELD(struct snapshot_child, restarts, FIELD_INT64),
    FIELD(struct snapshot_child, next_start_ms, FIELD_INT64),
    FIELD(struct snapshot_child, rss_bytes, FIELD_INT64),
    FIELD(struct snapshot_child, pss_bytes, FIELD_INT64),
    FIELD(struct snapshot_child, cpu_ms, FIELD_INT64),
    FIELD(struct snapshot_child, cpu_permille, FIELD_INT),
    FIELD(struct snapshot_child, watchdog_age_ms, FIELD_INT64),
    FIELD(struct snapshot_child, is_program, FIELD_BOOL),
    FIELD(struct snapshot_child, is_ready, FIELD_BOOL),
    FIELD(struct snapshot_child, is_essential, FIELD_BOOL),
    FIELD(struct snapshot_child, is_held, FIELD_BOOL),
    FIELD(struct snapshot_child, is_draining, FIELD_BOOL),
    FIELD(struct snapshot_child, is_crash_loop, FIELD_BOOL),
    FIELD(struct snapshot_child, is_old_program, FIELD_BOOL),
    {0},
};

static bool fields_to_json(cJSON *json, const struct snapshot_field *fields, const void *from)
{
    for (const struct snapshot_field *f = fields; f->name; f++) {
        const char *at = (const char *)from + f->offset;
        cJSON *made = NULL;
        switch (f->type) {
        case FIELD_TEXT: made = cJSON_AddStringToObject(json, f->name, at); break;
        case FIELD_INT: made = cJSON_AddNumberToObject(json, f->name, *(const int *)(const void *)at); break;
        case FIELD_INT64:
            made = cJSON_AddNumberToObject(json, f->name, (double)*(const int64_t *)(const void *)at);
            break;
        case FIELD_BOOL: made = cJSON_AddBoolToObject(json, f->name, *(const bool *)(const void *)at); break;
        }
        if (!made) return false;
    }
    return true;
}

/* Fields that are missing or of another type stay zero: an older or newer supervisor may have written the file. */
static void fields_from_json(const cJSON *json, const struct snapshot_field *fields, void *to)
{
    for (const struct snapshot_field *f = fields; f->name; f++) {
        char *at = (char *)to + f->offset;
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(json, f->name);
        bool is_number = cJSON_IsNumber(v) && v->valuedouble > -9e15 && v->valuedouble < 9e15;
        switch (f->type) {
        case FIELD_TEXT: snprintf(at, f->size, "%s", cJSON_IsString(v) ? v->valuestring : ""); break;
        case FIELD_INT: *(int *)(void *)at = cJSON_IsNumber(v) ? v->valueint : 0; break;
        case FIELD_INT64: *(int64_t *)(void *)at = is_number ? (int64_t)v->valuedouble : 0; break;
        case FIELD_BOOL: *(bool *)(void *)at = cJSON_IsTrue(v); break;
        }
    }
}

cJSON *snapshot_to_json(const struct snapshot *s)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *children = NULL;
    if (!json || !fields_to_json(json, head_fields, s)) goto fail;
    children = cJSON_AddArrayToObject(json, "children");
    if (!children) goto fail;
    for (int i = 0; i < s->count && i < SNAPSHOT_CHILDREN_MAX; i++) {
        cJSON *child = cJSON_CreateObject();
        if (!child) goto fail;
        cJSON_AddItemToArray(children, child);
        if (!fields_to_json(child, child_fields, &s->children[i])) goto fail;
    }
    return json;
fail:
    cJSON_Delete(json);
    return NULL;
}

int snapshot_from_json(const cJSON *json, struct snapshot *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    const cJSON *children = cJSON_GetObjectItemCaseSensitive(json, "children"), *child;
    if (!cJSON_IsObject(json) || !cJSON_IsArray(children))
        return err_set(err, ERR_INPUT, "not a status snapshot: an object with children was expected");
    fields_from_json(json, head_fields, out);
    cJSON_ArrayForEach(child, children) {
        if (out->count == SNAPSHOT_CHILDREN_MAX) break;
        fields_from_json(child, child_fields, &out->children[out->count++]);
    }
    return 0;
}

static int path_of(const char *run_dir, const char *name, char out[PATH_MAX], struct err *err)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", run_dir, name);
    return n < 0 || n >= PATH_MAX ? err_set(err, ERR_LIMIT, "the run directory's path is too long") : 0;
}

static char *read_whole(int fd, size_t *len)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_LIMIT_BYTES) return NULL;
    char *text = malloc((size_t)st.st_size + 1);
    if (!text) return NULL;
    *len = 0;
    while (*len < (size_t)st.st_size) {
        ssize_t n = read(fd, text + *len, (size_t)st.st_size - *len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        *len += (size_t)n;
    }
    text[*len] = 0;
    return text;
}

int snapshot_read(const char *run_dir, struct snapshot *out, struct err *err)
{
    char path[PATH_MAX];
    char *text = NULL;
    cJSON *json = NULL;
    size_t len = 0;
    int rc = path_of(run_dir, SNAPSHOT_FILE, path, err);
    if (rc) return rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        if (errno == ENOENT) return err_set(err, ERR_NOT_FOUND, "no supervisor runs here: %s is not there", path);
        return err_errno(err, "%s", path);
    }
    text = read_whole(fd, &len);
    json = text ? cJSON_ParseWithLength(text, len) : NULL;
    rc = json ? snapshot_from_json(json, out, err) : err_set(err, ERR_INPUT, "%s is not a status snapshot", path);
    cJSON_Delete(json);
    free(text);
    close(fd);
    return rc;
}

bool snapshot_is_stale(const struct snapshot *s, int64_t now_ms)
{
    return now_ms - s->written_ms > SNAPSHOT_STALE_MS;
}

const char *snapshot_unwritable(const char *run_dir)
{
    struct statvfs fs;
    if (statvfs(run_dir, &fs) != 0) return NULL;
    if (fs.f_flag & ST_RDONLY) return "read-only";
    bool is_full = fs.f_blocks > 0 && (geteuid() == 0 ? fs.f_bfree : fs.f_bavail) == 0; /* 0 of 0: it does not count */
    return is_full || (fs.f_files > 0 && fs.f_ffree == 0) ? "full" : NULL;
}

int snapshot_write(const char *run_dir, const struct snapshot *s, struct err *err)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    int fd = -1, rc = path_of(run_dir, SNAPSHOT_FILE, path, err);
    if (rc == 0) rc = path_of(run_dir, SNAPSHOT_FILE ".new", fresh, err);
    if (rc) return rc;
    cJSON *json = snapshot_to_json(s);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    if (!text) {
        rc = err_set(err, ERR_NOMEM, "no memory for the status snapshot");
        goto out;
    }
    size_t len = strlen(text);
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || file_write_all(fd, text, len) != 0 || rename(fresh, path) != 0)
        rc = err_errno(err, "writing %s", path);
out:
    if (fd >= 0) close(fd);
    if (fd >= 0 && rc != 0) unlink(fresh); /* a full disk is not made fuller */
    free(text);
    cJSON_Delete(json);
    return rc;
}

bool snapshot_is_stopped(int pid)
{
    static const char ours[] = "(logikald"; /* also logikald-roles */
    char path[40], text[120] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = pid > 0 ? fopen(path, "re") : NULL;
    if (!f) return false;
    const char *name = fgets(text, sizeof text, f) ? strchr(text, '(') : NULL, *end = name ? strrchr(text, ')') : NULL;
    fclose(f);
    return end && strncmp(name, ours, sizeof ours - 1) == 0 && end[1] == ' ' && (end[2] == 'T' || end[2] == 't');
}
