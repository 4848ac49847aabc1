/* What is here: settings, the supervisor's status and records, logs, the machine. Nothing of it needs another server.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "conf/machine/cgroup.h"
#include "conf/clock.h"
#include "conf/exit.h"
#include "ipc/control.h"
#include "ipc/flight.h"
#include "ipc/snapshot.h"
#include "services/report/report_internal.h"

#define LOG_TAIL_BYTES (512 * 1024)
#define TAIL_LINES     "1000"
#define ANSWER_MS      5000

static int say(const struct err *err)
{
    printf("%s\n", err->text);
    return EXIT_UNAVAILABLE;
}

int report_settings(const struct conf *conf)
{
    conf_print(conf);
    printf("%s", conf_notes(conf));
    return 0;
}

static void print_json(cJSON *json)
{
    char *text = cJSON_Print(json);
    puts(text ? text : "null");
    free(text);
    cJSON_Delete(json);
}

int report_status(const struct conf *conf)
{
    struct err err = {0};
    struct snapshot *s = calloc(1, sizeof *s);
    if (!s || snapshot_read(conf_str(conf, SET_RUN_DIR), s, &err) != 0) {
        free(s);
        return say(&err);
    }
    if (snapshot_is_stale(s, wall_ms())) puts("// old: the supervisor has gone, or hangs");
    print_json(snapshot_to_json(s));
    free(s);
    return 0;
}

int report_events(const struct conf *conf)
{
    int64_t unreadable = 0;
    cJSON *events = flight_read(conf_str(conf, SET_RUN_DIR), NULL, &unreadable), *event;
    if (!events) {
        printf("%s holds no events\n", conf_str(conf, SET_RUN_DIR));
        return EXIT_UNAVAILABLE;
    }
    if (unreadable) printf("// %lld lines are no events\n", (long long)unreadable);
    cJSON_ArrayForEach(event, events) {
        char *line = cJSON_PrintUnformatted(event);
        puts(line ? line : "");
        free(line);
    }
    cJSON_Delete(events);
    return 0;
}

/* ---- logs ---- */

static int print_end_of(const char *path)
{
    static char text[LOG_TAIL_BYTES];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        printf("%s cannot be read: %s\n", path, strerror(errno));
        if (fd >= 0) close(fd);
        return EXIT_UNAVAILABLE;
    }
    off_t from = st.st_size > LOG_TAIL_BYTES ? st.st_size - LOG_TAIL_BYTES : 0;
    ssize_t n = pread(fd, text, sizeof text, from);
    printf("==> %s, the last %zd bytes <==\n", path, n);
    if (n > 0) fwrite(text, 1, (size_t)n, stdout);
    close(fd);
    return 0;
}

/* What the supervisor remembers of its children's lines. */
static int print_remembered(const struct conf *conf)
{
    struct control_client client;
    struct err err = {0};
    char *argv[] = {"all", TAIL_LINES};
    cJSON *answer = NULL;
    bool is_over = false;
    if (control_open(&client, conf_str(conf, SET_RUN_DIR), &err) != 0) return say(&err);
    int rc = control_send(&client, "tail", 2, argv, &err);
    puts("==> what the supervisor remembers <==");
    while (rc == 0 && !is_over && (answer = control_read(&client, ANSWER_MS, &err)) != NULL) {
        const char *line = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "line"));
        if (line) puts(line);
        is_over = !line;
        cJSON_Delete(answer);
    }
    control_close(&client);
    return is_over ? 0 : say(&err);
}

int report_logs(const struct conf *conf)
{
    int rc = conf_is_set(conf, SET_LOG_FILE) ? print_end_of(conf_str(conf, SET_LOG_FILE)) : 0;
    int more = print_remembered(conf);
    return rc ? rc : more;
}

/* ---- the machine ---- */

static void print_file(const char *path)
{
    char text[16384];
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, sizeof text, file) : 0;
    printf("==> %s <==\n%.*s%s", path, (int)n, text, n && text[n - 1] == '\n' ? "" : "\n");
    if (file) fclose(file);
}

static void print_cgroup(void)
{
    static const char *const names[] = {"memory.max",    "memory.high",     "memory.current",
                                        "memory.events", "memory.pressure", "cpu.max",
                                        "cpu.stat",      "pids.max",        "pids.current"};
    char dir[4096], path[4200];
    if (!cgroup_find("", "memory", dir, sizeof dir)) {
        puts("no control group is seen");
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (access(path, R_OK) == 0) print_file(path);
    }
    struct cgroup_memory memory;
    cgroup_read_memory(dir, &memory);
    printf("memory: %lld of %lld bytes, %lld killed for lack of it\n", (long long)memory.used_bytes,
           (long long)memory.limit_bytes, (long long)memory.oom_kills);
}

static void print_room(const char *path)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0)
        printf("%s: %s\n", path, strerror(errno));
    else
        printf("%s: %llu of %llu MiB free\n", path, (unsigned long long)fs.f_bavail * fs.f_frsize >> 20,
               (unsigned long long)fs.f_blocks * fs.f_frsize >> 20);
}

int report_system(const struct conf *conf)
{
    static const char *const files[] = {"/etc/os-release",     "/proc/meminfo",         "/proc/loadavg",
                                        "/proc/uptime",        "/proc/self/limits",     "/proc/self/status",
                                        "/proc/pressure/cpu",  "/proc/pressure/memory", "/proc/pressure/io",
                                        "/proc/self/mountinfo"};
    struct utsname name;
    char now[CLOCK_TEXT_SIZE];
    if (uname(&name) == 0)
        printf("%s %s %s %s, host %s\n", name.sysname, name.release, name.version, name.machine, name.nodename);
    printf("time %s, user %u, group %u, %ld processors\n", clock_iso_ms(wall_ms(), now), (unsigned)geteuid(),
           (unsigned)getegid(), sysconf(_SC_NPROCESSORS_ONLN));
    print_room("/");
    print_room("/tmp");
    print_room(conf_str(conf, SET_RUN_DIR));
    print_cgroup();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (access(files[i], R_OK) == 0) print_file(files[i]);
    return 0;
}
