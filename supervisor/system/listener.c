/* The listening socket for HTTP: made once by the supervisor, inherited by every web process, so that no web crash or
 * replacement refuses a connection. See listener.h. */
#include "supervisor/system/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/notify.h"

#define CHECK_MS 2000

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

/* -1 with err and errno. */
static int open_configured(const struct conf *conf, struct err *err)
{
    const char *host = conf_str(conf, SET_HTTP_HOST);
    char port[16];
    snprintf(port, sizeof port, "%d", (int)conf_int(conf, SET_HTTP_PORT));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list = NULL;
    int rc = getaddrinfo(host, port, &hints, &list);
    if (rc != 0) {
        err_set(err, ERR_CONFIG, "http.host (HOST) \"%s\" is not an address of this machine: %s", host,
                gai_strerror(rc));
        errno = EADDRNOTAVAIL;
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
    return open_configured(conf, err);
}

static int port_of(int fd)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&addr, &len) != 0) return -1;
    if (addr.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
    return ntohs(((struct sockaddr_in *)&addr)->sin_port);
}

/* In the process that tries: what is wrong goes to out, nothing when all is well. */
_Noreturn static void try_it(const struct conf *conf, int own_port, int out)
{
    struct err err = {0};
    bool is_own = own_port > 0 && own_port == (int)conf_int(conf, SET_HTTP_PORT);
    int fd = open_configured(conf, &err);
    if (fd >= 0 || (errno == EADDRINUSE && is_own)) _exit(0); /* the port is taken by us */
    _exit(write(out, err.text, strlen(err.text)) < 0 ? 1 : 0);
}

bool listener_check(const struct conf *conf, int fd, struct err *err)
{
    int ends[2], own_port = port_of(fd), status = 0;
    if (notify_listen_fd() >= 0) return true; /* it is not used */
    if (pipe2(ends, O_CLOEXEC) != 0) return err_errno(err, "trying http.host and http.port"), false;
    pid_t pid = fork();
    if (pid == 0) try_it(conf, own_port, ends[1]);
    close(ends[1]);
    char text[sizeof err->text] = "";
    struct pollfd ready = {.fd = ends[0], .events = POLLIN};
    int rc = pid > 0 ? poll(&ready, 1, CHECK_MS) : -1;
    if (rc > 0 && read(ends[0], text, sizeof text - 1) < 0) rc = -1;
    close(ends[0]);
    if (pid > 0 && rc <= 0) kill(pid, SIGKILL);
    if (pid > 0) waitpid(pid, &status, 0);
    if (rc > 0 && !text[0] && status == 0) return true;
    err_set(err, ERR_CONFIG, "%s",
            text[0] ? text : "http.host and http.port cannot be tried: its name is not found in time");
    return false;
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
