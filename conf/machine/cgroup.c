/* Control groups: see cgroup.h. Directories are walked by descriptor, so that no path has to be put together again. */
#include "conf/machine/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/machine/file.h"

#define MOUNT     "/sys/fs/cgroup"
#define V1_NO_MAX (1LL << 60) /* version 1 has no word for "none": a number near the largest */

/* Where the two versions say the same. */
static const struct version {
    const char *limit, *used, *cache; /* cache: a line of memory.stat */
    const char *events, *kills;       /* the file, and the line of it */
} versions[] = {
    {"memory.max", "memory.current", "inactive_file ", "memory.events", "oom_kill "},
    {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ", "memory.oom_control", "oom_kill "},
};

static int64_t number_at(int dir, const char *name)
{
    char text[64];
    return file_read(dir, name, text, sizeof text) > 0 ? strtoll(text, NULL, 10) : 0; /* "max" is 0 */
}

/* ---- where ---- */

/* The length of the path in a line "4:cpu,memory:/path" of this controller, or of version 2 ("0::/path"); NULL when the
 * line is of others. */
static const char *path_of(const char *line, const char *controller, bool is_v2)
{
    const char *names = strchr(line, ':'), *end = names ? strchr(names + 1, ':') : NULL;
    size_t len = strlen(controller);
    if (!end) return NULL;
    if (is_v2) return strncmp(line, "0::", 3) == 0 ? end + 1 : NULL;
    for (const char *at = names + 1; at < end; at += strcspn(at, ",:") + 1)
        if (strncmp(at, controller, len) == 0 && (at[len] == ',' || at + len == end)) return end + 1;
    return NULL;
}

static bool has_file(const char *dir, const char *name)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, R_OK) == 0;
}

/* The group's directory under a mount, or the mount itself, when the path is that of the host and only our part is
 * mounted. */
static bool is_under(const char *mount, const char *group, const char *file, char *out, size_t size)
{
    size_t len = strcspn(group, "\n");
    int n = snprintf(out, size, "%s%.*s", mount, (int)len, group);
    if (n > 0 && (size_t)n < size) {
        if (out[n - 1] == '/') out[n - 1] = 0;
        if (has_file(out, file)) return true;
    }
    snprintf(out, size, "%s", mount);
    return has_file(out, file);
}

bool cgroup_find(const char *root, const char *controller, char *out, size_t size)
{
    bool is_cpu = strcmp(controller, "cpu") == 0;
    char text[4096], path[512], mount[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (file_read(AT_FDCWD, path, text, sizeof text) == 0) return false;
    for (int v = 2; v >= 1; v--) {
        const char *file = is_cpu ? (v == 2 ? "cpu.stat" : "cpu.cfs_quota_us") : versions[2 - v].events;
        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
            const char *group = path_of(line, controller, v == 2);
            if (!group) continue;
            snprintf(mount, sizeof mount, "%s" MOUNT "%s%s", root, v == 2 ? "" : "/", v == 2 ? "" : controller);
            if (is_under(mount, group, file, out, size)) return true;
            snprintf(mount, sizeof mount, "%s" MOUNT "/cpu,cpuacct", root);
            if (v == 1 && is_cpu && is_under(mount, group, file, out, size)) return true;
        }
    }
    return false;
}

/* ---- how much ---- */

struct cgroup_walk {
    int fd, left; /* levels up to the mount */
};

static bool walk_begin(struct cgroup_walk *w, const char *dir)
{
    const char *mount = strstr(dir, MOUNT);
    *w = (struct cgroup_walk){.fd = dir[0] ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1};
    for (const char *c = mount ? mount + strlen(MOUNT) : ""; *c; c++) w->left += *c == '/';
    return w->fd >= 0;
}

/* To the group above; false (and closed) at the top. */
static bool walk_up(struct cgroup_walk *w)
{
    int above = w->left-- > 0 ? openat(w->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    close(w->fd);
    w->fd = above;
    return above >= 0;
}

/* Without what the kernel drops as soon as it needs the room. */
static int64_t used_at(int dir, const struct version *v)
{
    char text[4096];
    int64_t used = number_at(dir, v->used), cache = 0;
    if (file_read(dir, "memory.stat", text, sizeof text) > 0) cache = file_number_after(text, v->cache);
    return used > cache ? used - cache : used;
}

static void read_events(int dir, const struct version *v, struct cgroup_memory *out)
{
    char text[1024];
    static const char some[] = "some avg10=";
    if (file_read(dir, v->events, text, sizeof text) > 0) {
        out->oom_kills = file_number_after(text, v->kills);
        out->limit_hits = file_number_after(text, "max ");
        out->high_hits = file_number_after(text, "high ");
    }
    if (v != &versions[0]) out->limit_hits = number_at(dir, "memory.failcnt");
    if (file_read(dir, "memory.pressure", text, sizeof text) && strncmp(text, some, strlen(some)) == 0)
        out->pressure_permille = (int)(strtod(text + strlen(some), NULL) * 10);
}

/* Version 1 tells the least limit above us also where the groups above cannot be seen. */
static int64_t limit_above(int dir)
{
    char text[4096];
    return file_read(dir, "memory.stat", text, sizeof text) > 0 ? file_number_after(text, "hierarchical_memory_limit ")
                                                                : 0;
}

static bool is_limit(int64_t bytes, int64_t before)
{
    return bytes > 0 && bytes < V1_NO_MAX && (before == 0 || bytes < before);
}

void cgroup_read_memory(const char *dir, struct cgroup_memory *out)
{
    struct cgroup_walk w;
    *out = (struct cgroup_memory){0};
    if (!walk_begin(&w, dir)) return;
    const struct version *v = &versions[faccessat(w.fd, versions[1].limit, F_OK, 0) == 0];
    int64_t above = v == &versions[1] ? limit_above(w.fd) : 0;
    out->used_bytes = used_at(w.fd, v);
    read_events(w.fd, v, out);
    do {
        int64_t limit = number_at(w.fd, v->limit);
        if (!is_limit(limit, out->limit_bytes)) continue;
        out->limit_bytes = limit;
        out->used_bytes = used_at(w.fd, v);
    } while (walk_up(&w));
    if (is_limit(above, out->limit_bytes)) out->limit_bytes = above;
}

int64_t cgroup_read_cpu(const char *dir)
{
    struct cgroup_walk w;
    int64_t least = 0;
    if (!walk_begin(&w, dir)) return 0;
    do {
        char text[64] = "", *rest = text;
        int64_t quota = file_read(w.fd, "cpu.max", text, sizeof text) > 0 ? strtoll(text, &rest, 10) : 0;
        int64_t period = strtoll(rest, NULL, 10);
        if (!text[0]) {
            quota = number_at(w.fd, "cpu.cfs_quota_us"); /* -1 = none */
            period = number_at(w.fd, "cpu.cfs_period_us");
        }
        int64_t most = quota > 0 && period > 0 ? quota * 1000 / period : 0;
        if (most > 0 && (least == 0 || most < least)) least = most;
    } while (walk_up(&w));
    return least;
}
