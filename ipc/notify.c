/* The child's side of readiness and watchdog: see notify.h. */
#include "ipc/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static long long env_number(const char *name)
{
    const char *text = getenv(name);
    if (!text || !*text) return -1;
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    return *end || errno || v < 0 ? -1 : v;
}

static int send_to_path(const char *path, const char *lines)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof addr.sun_path || (path[0] != '/' && path[0] != '@')) return -1;
    memcpy(addr.sun_path, path, len);
    if (path[0] == '@') addr.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    socklen_t addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    ssize_t n = sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&addr, addr_len);
    close(fd);
    return n < 0 ? -1 : 0;
}

/* Sends lines (one or more, separated by "\n"). */
static int notify_send(const char *lines)
{
    long long fd = env_number("LOGIKALD_NOTIFY_FD");
    if (fd >= 0) return send((int)fd, lines, strlen(lines), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
    const char *path = getenv("NOTIFY_SOCKET");
    return path ? send_to_path(path, lines) : 0;
}

int notify_ready(const char *status)
{
    char lines[512];
    snprintf(lines, sizeof lines, "READY=1\nSTATUS=%s", status);
    return notify_send(lines);
}

int notify_status(const char *status)
{
    char lines[512];
    snprintf(lines, sizeof lines, "STATUS=%s", status);
    return notify_send(lines);
}

int notify_stopping(void)
{
    return notify_send("STOPPING=1");
}

int notify_reloading(int64_t mono_us)
{
    char lines[64];
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, mono_us);
    return notify_send(lines);
}

int notify_watchdog(void)
{
    return notify_send("WATCHDOG=1");
}

int64_t notify_watchdog_interval_ms(void)
{
    long long usec = env_number("WATCHDOG_USEC"), pid = env_number("WATCHDOG_PID");
    if (usec <= 0 || (pid > 0 && pid != getpid())) return 0;
    return usec / 2000;
}

int notify_listen_fd(void)
{
    if (env_number("LISTEN_FDS") < 1) return -1;
    if (!getenv("LOGIKALD_SUPERVISED") && env_number("LISTEN_PID") != getpid()) return -1;
    int fd = 3, is_listening = 0;
    socklen_t len = sizeof is_listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) != 0 || !is_listening) return -1;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}
