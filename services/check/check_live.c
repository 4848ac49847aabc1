/* Whether the web process of this machine lives: GET /health on its port, with the seconds that a platform gives. Where
 * the container's first process is another role, there is no port to ask: it lives as long as its container. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "conf/exit.h"
#include "services/check/check_internal.h"

#define LIVE_TIMEOUT_S 3

/* The role that a container runs alone: the last word of its first process, which may be an init before it; "" = none.
 */
static const char *lone_role(char *room, size_t size)
{
    static const char *const roles[] = {"worker", "beat", "migrate"};
    FILE *in = fopen("/proc/1/cmdline", "re");
    size_t len = in ? fread(room, 1, size - 1, in) : 0;
    if (in) fclose(in);
    while (len > 0 && room[len - 1] == 0) len--;
    room[len] = 0;
    const char *word = memrchr(room, 0, len);
    for (size_t i = 0; word && i < sizeof roles / sizeof *roles; i++)
        if (strcmp(word + 1, roles[i]) == 0) return roles[i];
    return "";
}

int check_live(const struct conf *conf)
{
    char command[1024];
    const char *role = lone_role(command, sizeof command);
    if (role[0]) {
        printf("ok: %s runs, and has no port\n", role);
        return 0;
    }
    static const char request[] = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    const char *host = conf_str(conf, SET_HTTP_HOST);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)conf_int(conf, SET_HTTP_PORT))};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || address.sin_addr.s_addr == htonl(INADDR_ANY))
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval timeout = {.tv_sec = LIVE_TIMEOUT_S};
    char answer[64] = "";
    ssize_t n = -1;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1)
        n = recv(fd, answer, sizeof answer - 1, MSG_WAITALL);
    if (fd >= 0) close(fd);
    bool is_alive = n >= 12 && memcmp(answer, "HTTP/1.", 7) == 0 && memcmp(answer + 9, "200", 3) == 0;
    printf("%s: port %lld %s\n", is_alive ? "ok" : "failed", (long long)conf_int(conf, SET_HTTP_PORT),
           is_alive ? "answers"
           : n > 0  ? "answers, but not 200"
                    : "does not answer");
    return is_alive ? 0 : EXIT_FAILED;
}
