/* A TCP connection to a host, made in an event loop. See dial.h. */
#include "ipc/dial.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/util.h>

#include "ipc/resolve.h"

struct dial_attempt {
    struct dial *dial;
    int fd; /* -1 = over */
    struct event *writable;
};

struct dial {
    struct event_base *base;
    int port;
    dial_fn fn;
    void *arg;
    struct resolve *resolve;
    struct addresses addresses;
    struct dial_attempt attempts[ADDRESSES_MAX];
    int started, open;
    struct event *pace;
    char host[256], why[400];
};

static void attempt_end(struct dial_attempt *a, bool keep_fd)
{
    if (a->writable) event_free(a->writable);
    if (a->fd >= 0 && !keep_fd) close(a->fd);
    if (a->fd >= 0) a->dial->open--;
    a->writable = NULL;
    a->fd = -1;
}

void dial_cancel(struct dial *d)
{
    if (!d) return;
    resolve_cancel(d->resolve);
    for (int i = 0; i < d->started; i++) attempt_end(&d->attempts[i], false);
    if (d->pace) event_free(d->pace);
    free(d);
}

static void tell(struct dial *d, int fd)
{
    char why[sizeof d->why];
    dial_fn fn = d->fn;
    void *arg = d->arg;
    memcpy(why, d->why, sizeof why);
    dial_cancel(d);
    fn(arg, fd, fd < 0 ? why : "");
}

static void note(struct dial *d, const char *address, int code)
{
    snprintf(d->why, sizeof d->why, "%s:%d%s%s%s: %s", address, d->port, strcmp(address, d->host) ? " (" : "",
             strcmp(address, d->host) ? d->host : "", strcmp(address, d->host) ? ")" : "", strerror(code));
}

static void on_writable(evutil_socket_t fd, short what, void *arg);

static bool set_address(struct sockaddr_storage *out, socklen_t *len, const char *text, int port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    bool is_v4 = evutil_inet_pton(AF_INET, text, &v4->sin_addr) == 1;
    out->ss_family = is_v4 ? AF_INET : AF_INET6;
    *len = is_v4 ? sizeof *v4 : sizeof *v6;
    if (is_v4) v4->sin_port = htons((uint16_t)port);
    if (!is_v4) v6->sin6_port = htons((uint16_t)port);
    return is_v4 || evutil_inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
}

/* True when it is on its way. */
static bool begin(struct dial *d, struct dial_attempt *a, const char *text)
{
    struct sockaddr_storage address;
    socklen_t len;
    *a = (struct dial_attempt){.dial = d, .fd = -1};
    if (!set_address(&address, &len, text, d->port)) {
        note(d, text, EINVAL);
        return false;
    }
    a->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->fd < 0) {
        note(d, text, errno);
        return false;
    }
    d->open++;
    if (connect(a->fd, (struct sockaddr *)&address, len) != 0 && errno != EINPROGRESS) {
        note(d, text, errno);
    } else {
        a->writable = event_new(d->base, a->fd, EV_WRITE, on_writable, a);
        if (a->writable && event_add(a->writable, NULL) == 0) return true;
        note(d, text, ENOMEM);
    }
    attempt_end(a, false);
    return false;
}

/* The next address that can be tried at all; when there is none and nothing is open, it is over. */
static void go_on(struct dial *d)
{
    bool is_begun = false;
    while (!is_begun && d->started < d->addresses.count) {
        int i = d->started++;
        is_begun = begin(d, &d->attempts[i], d->addresses.text[i]);
    }
    if (is_begun)
        evtimer_add(d->pace, &(struct timeval){.tv_usec = DIAL_PACE_MS * 1000});
    else if (d->open == 0)
        tell(d, -1);
}

static void on_pace(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    go_on(arg);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct dial_attempt *a = arg;
    struct dial *d = a->dial;
    int code = 0;
    socklen_t len = sizeof code;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0) code = errno;
    attempt_end(a, code == 0);
    if (code == 0) {
        tell(d, (int)fd);
        return;
    }
    note(d, d->addresses.text[a - d->attempts], code);
    go_on(d);
}

static void on_resolved(void *arg, const struct addresses *found, const char *why)
{
    struct dial *d = arg;
    d->resolve = NULL;
    d->addresses = *found;
    snprintf(d->why, sizeof d->why, "%s", why);
    go_on(d);
}

struct dial *dial_start(struct event_base *base, const char *host, int port, dial_fn fn, void *arg)
{
    struct dial *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->base = base;
    d->port = port;
    d->fn = fn;
    d->arg = arg;
    snprintf(d->host, sizeof d->host, "%s", host);
    d->pace = evtimer_new(base, on_pace, d);
    if (d->pace) d->resolve = resolve_start(base, host, on_resolved, d);
    if (d->resolve) return d;
    dial_cancel(d);
    return NULL;
}
