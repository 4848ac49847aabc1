/* The listening socket: see listener.h. */
#include "supervisor/system/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/notify.h"

static int bind_one(const struct addrinfo *a)
{
    int on = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0) return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int listener_open(const struct conf *conf, struct err *err)
{
    int passed = notify_listen_fd();
    if (passed >= 0) {
        fcntl(passed, F_SETFL, fcntl(passed, F_GETFL) | O_NONBLOCK);
        return passed;
    }
    const char *host = conf_str(conf, SET_HTTP_HOST);
    char port[16];
    snprintf(port, sizeof port, "%d", (int)conf_int(conf, SET_HTTP_PORT));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list = NULL;
    int rc = getaddrinfo(host, port, &hints, &list);
    if (rc != 0) {
        err_set(err, ERR_CONFIG, "http.host (HOST) \"%s\" is not an address of this machine: %s", host,
                gai_strerror(rc));
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) fd = bind_one(a);
    int saved = errno;
    freeaddrinfo(list);
    if (fd >= 0) return fd;
    errno = saved;
    err_errno(err, "cannot listen on %s port %s%s", host, port,
              saved == EADDRINUSE ? " (another program does; set PORT to another one)" : "");
    return -1;
}

const char *listener_words(int fd, char *out, size_t size)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    char host[64], port[16];
    out[0] = 0;
    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0 ||
        getnameinfo((struct sockaddr *)&addr, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return out;
    snprintf(out, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
    return out;
}
