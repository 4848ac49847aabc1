/* HAProxy: see haproxy.h. Without its master process, so that the one that is stopped is the one that forwards. */
#include "tests/support/servers/haproxy.h"

#include <signal.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/support_internal.h"

#define PROGRAM "/usr/sbin/haproxy"

bool haproxy_is_installed(void)
{
    return access(PROGRAM, X_OK) == 0;
}

static bool takes_connections(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool does = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    if (fd >= 0) close(fd);
    return does;
}

void haproxy_start_with(struct haproxy *h, int target_port, const char *bind_words)
{
    char dir[256], cfg[300], text[1600];
    h->port = support_free_port();
    support_make_dir(dir, sizeof dir, "haproxy");
    support_format(cfg, sizeof cfg, "%s/haproxy.cfg", dir);
    support_format(text, sizeof text,
                   "defaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n"
                   "listen through\n bind 127.0.0.1:%d%s\n server it 127.0.0.1:%d\n",
                   h->port, bind_words, target_port);
    support_write_file(cfg, text);
    char *const argv[] = {(char *)PROGRAM, (char *)"-db", (char *)"-f", cfg, NULL};
    process_start(&h->process, "haproxy", argv, NULL);
    WAIT_UNTIL(takes_connections(h->port) || !process_running(&h->process), 20000);
    if (process_running(&h->process)) return;
    char *log = process_log(&h->process);
    fail_msg("haproxy: %s", log);
}

void haproxy_start(struct haproxy *h, int target_port)
{
    haproxy_start_with(h, target_port, "");
}

static bool is_stopped(const struct haproxy *h)
{
    char path[64];
    support_format(path, sizeof path, "/proc/%d/stat", (int)h->process.pid);
    char *text = support_read_file(path);
    const char *end = strrchr(text, ')');
    bool is_so = end && end[1] && end[2] == 'T';
    free(text);
    return is_so;
}

void haproxy_freeze(struct haproxy *h, bool is_frozen)
{
    process_signal(&h->process, is_frozen ? SIGSTOP : SIGCONT);
    WAIT_UNTIL(is_stopped(h) == is_frozen, 10000);
}

void haproxy_stop(struct haproxy *h)
{
    process_signal(&h->process, SIGKILL);
    process_wait(&h->process, 20000);
}
