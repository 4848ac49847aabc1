/* What the pre-flight sees of the machine and of the configuration: sources of settings, disk, memory limits. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "conf/machine/cgroup.h"
#include "services/check/check_internal.h"

#define MIB            (1024.0 * 1024.0)
#define DISK_LEAST_MIB 16.0  /* sockets, status and settings; logs go elsewhere */
#define ROOM_LEAST_MIB 256.0 /* container memory below this is too little for web, worker and beat under load */

void check_configuration(const struct conf *conf, struct check_line *line)
{
    int count[SOURCE_OVERRIDE + 1] = {0};
    for (int i = 0; i < SET_COUNT; i++) count[conf_source(conf, (enum setting_id)i)]++;
    struct err err = {0};
    if (conf_check_web(conf, &err) != 0) {
        check_say(line, CHECK_FAILED, "%s", err.text);
        return;
    }
    bool is_on = conf_bool(conf, SET_BACKGROUND_SYNC);
    bool has_redis = conf_is_set(conf, SET_REDIS_URL) || conf_is_set(conf, SET_REDIS_HOST);
    if (is_on && !has_redis) {
        check_say(line, CHECK_FAILED, "BACKGROUND_SYNC_ENABLED is true, but Redis is not configured: set REDIS_URL");
        return;
    }
    if (!conf_is_set(conf, SET_ADMIN_PASSWORD)) {
        check_say(line, CHECK_WARNING, "ADMIN_PASSWORD is not set: nobody can log in to the admin pages");
        return;
    }
    check_say(line, CHECK_OK,
              "%s; scheduled sync is %s; %d settings from the file, %d from the env file, %d from the environment",
              conf_str(conf, SET_ENVIRONMENT), is_on ? "on" : "off", count[SOURCE_FILE], count[SOURCE_ENV_FILE],
              count[SOURCE_ENVIRONMENT]);
}

void check_disk(const struct conf *conf, struct check_line *line)
{
    const char *dir = conf_str(conf, SET_RUN_DIR);
    struct statvfs fs;
    char parent[128];
    snprintf(parent, sizeof parent, "%s", dir);
    while (access(parent, F_OK) != 0 && strrchr(parent, '/') > parent) *strrchr(parent, '/') = 0;
    if (statvfs(parent, &fs) != 0 || access(parent, W_OK) != 0) {
        check_say(line, CHECK_FAILED, "cannot write to %s (%s): set LOGIKALD_RUN_DIR to a writable directory", dir,
                  strerror(errno));
        return;
    }
    double free_mib = (double)fs.f_bavail * (double)fs.f_frsize / MIB;
    check_say(line, free_mib < DISK_LEAST_MIB ? CHECK_WARNING : CHECK_OK, "%.0f MiB free for the run directory %s",
              free_mib, dir);
}

void check_memory(const struct conf *conf, struct check_line *line)
{
    (void)conf;
    char dir[PATH_MAX];
    struct cgroup_memory memory = {0};
    if (cgroup_find("", "memory", dir, sizeof dir)) cgroup_read_memory(dir, &memory);
    double limit = (double)memory.limit_bytes;
    double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (limit <= 0)
        check_say(line, CHECK_OK, "no limit from a control group; the machine has %.0f MiB", machine / MIB);
    else
        check_say(line, limit / MIB < ROOM_LEAST_MIB ? CHECK_WARNING : CHECK_OK,
                  "the container may use %.0f MiB of %.0f MiB", limit / MIB, machine / MIB);
}
