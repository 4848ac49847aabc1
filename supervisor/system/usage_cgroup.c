/* The container's memory, as control groups (version 2) tell it: see usage.h. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/system/usage.h"

#define MOUNT "/sys/fs/cgroup"

static bool has_memory(const char *dir)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/memory.events", dir);
    return access(path, R_OK) == 0;
}

bool usage_find_cgroup(const char *root, char *out, size_t size)
{
    char path[PATH_MAX], text[4096];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!usage_slurp(path, text, sizeof text)) return false;
    const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (!line) return false;
    line += *line == '\n' ? 4 : 3;
    int n = snprintf(out, size, "%s" MOUNT "%.*s", root, (int)strcspn(line, "\n"), line);
    if (n < 0 || (size_t)n >= size) return false;
    if (n > 0 && out[n - 1] == '/') out[n - 1] = 0;
    if (has_memory(out)) return true;
    snprintf(out, size, "%s" MOUNT, root); /* the path is that of the host, and only our part is mounted */
    return has_memory(out);
}

static int64_t read_number(const char *dir, const char *name)
{
    char path[PATH_MAX], text[64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return usage_slurp(path, text, sizeof text) ? strtoll(text, NULL, 10) : 0; /* "max" is 0 */
}

/* Without what the kernel drops as soon as it needs the room. */
static int64_t used_of(const char *dir)
{
    char path[PATH_MAX], text[8192];
    int64_t used = read_number(dir, "memory.current");
    snprintf(path, sizeof path, "%s/memory.stat", dir);
    int64_t cache = usage_slurp(path, text, sizeof text) ? usage_number_after(text, "inactive_file ") : 0;
    return used > cache ? used - cache : used;
}

/* The directory above, up to the mount; false at the top. */
static bool go_up(char *dir)
{
    char *mount = strstr(dir, MOUNT), *slash = strrchr(dir, '/');
    if (!mount || slash < mount + strlen(MOUNT)) return false;
    *slash = 0;
    return true;
}

static void read_pressure(const char *dir, struct cgroup_memory *out)
{
    char path[PATH_MAX], text[512];
    static const char name[] = "some avg10=";
    snprintf(path, sizeof path, "%s/memory.pressure", dir);
    if (usage_slurp(path, text, sizeof text) && strncmp(text, name, strlen(name)) == 0)
        out->pressure_permille = (int)(strtod(text + strlen(name), NULL) * 10);
}

void usage_read_cgroup(const char *dir, struct cgroup_memory *out)
{
    char path[PATH_MAX], text[1024], at[PATH_MAX];
    *out = (struct cgroup_memory){0};
    if (!dir[0]) return;
    out->used_bytes = used_of(dir);
    snprintf(at, sizeof at, "%s", dir);
    do {
        int64_t limit = read_number(at, "memory.max");
        if (limit <= 0 || (out->limit_bytes && limit >= out->limit_bytes)) continue;
        out->limit_bytes = limit;
        out->used_bytes = used_of(at);
    } while (go_up(at));
    snprintf(path, sizeof path, "%s/memory.events", dir);
    if (usage_slurp(path, text, sizeof text)) {
        out->oom_kills = usage_number_after(text, "oom_kill ");
        out->limit_hits = usage_number_after(text, "max ");
        out->high_hits = usage_number_after(text, "high ");
    }
    read_pressure(dir, out);
}
