/* Probes: see probe.h. One attempt at a time; each has a deadline, and the next comes an interval after it failed. */
#include "supervisor/child/probe.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "supervisor/child/child.h"
#include "supervisor/child/pulse.h"
#include "supervisor/child/reap.h"
#include "supervisor/plan/environment.h"
#include "supervisor/system/spawn.h"

#define ATTEMPT_MS   2000
#define STATUS_BYTES 12

struct readiness_probe {
    struct child *child;
    struct probe_target target;
    enum program_ready kind;
    int interval_ms;
    int failures_most; /* liveness: in a row, before the program is sick; 0 = readiness */
    int failures;
    int64_t began_ms;    /* this attempt */
    struct event *timer; /* the next attempt, or the end of this one */
    struct event *io;    /* of the attempt's socket */
    int fd;              /* -1 = none */
    bool is_sent;        /* HTTP: the request is out */
    pid_t pid;           /* of the attempt's command; 0 = none */
    char head[16];       /* HTTP: the first bytes of the answer */
    size_t head_len;
};

static void attempt(struct readiness_probe *p);

static void wait_ms(struct readiness_probe *p, int ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(p->timer, &tv);
}

static void drop_attempt(struct readiness_probe *p)
{
    if (p->io) event_free(p->io);
    if (p->fd >= 0) close(p->fd);
    if (p->pid) reap_abandon(p->child->sup, p->pid);
    p->io = NULL;
    p->fd = -1;
    p->pid = 0;
    p->is_sent = false;
    p->head_len = 0;
}

/* The child frees the probe when it hears of what was found out. */
static void failed(struct readiness_probe *p)
{
    struct child *c = p->child;
    drop_attempt(p);
    wait_ms(p, p->interval_ms);
    if (p->failures_most == 0 || ++p->failures < p->failures_most) return;
    log_error("%s[%d] has not answered its liveness probe %d times: it is restarted", c->spec.name, (int)c->pid,
              p->failures);
    child_event(c, EVENT_SICK);
}

static void succeeded(struct readiness_probe *p)
{
    drop_attempt(p);
    p->failures = 0;
    if (p->failures_most > 0)
        wait_ms(p, p->interval_ms);
    else
        child_event(p->child, EVENT_READY);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct readiness_probe *p = arg;
    (void)fd, (void)what;
    bool is_open = p->fd >= 0 || p->pid;
    if (is_open && pulse_slept_since(p->child->sup, p->began_ms)) {
        p->began_ms = mono_ms() + 1;
        wait_ms(p, ATTEMPT_MS); /* neither of us could do anything */
    } else if (is_open) {
        failed(p);
    } else {
        attempt(p);
    }
}

static void on_command_end(void *arg, int status)
{
    struct readiness_probe *p = arg;
    p->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        succeeded(p);
    else
        failed(p);
}

static void attempt_command(struct readiness_probe *p)
{
    struct environment e;
    struct child *c = p->child;
    child_environment(c, NULL, &e);
    struct spawn how = {.path = p->target.command[0],
                        .argv = p->target.command,
                        .envp = e.list,
                        .out_fd = -1,
                        .err_fd = -1,
                        .listen_fd = -1,
                        .notify_fd = -1,
                        .status_fd = -1,
                        .program = c->spec.program};
    p->pid = e.failed ? -1 : spawn(&how, NULL);
    environment_free(&e);
    if (p->pid > 0 && reap_watch(c->sup, p->pid, on_command_end, p) == 0) {
        wait_ms(p, ATTEMPT_MS);
        return;
    }
    if (p->pid < 0) p->pid = 0;
    failed(p);
}

static bool is_connected(const struct readiness_probe *p)
{
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
}

/* "HTTP/1.1 200": a status of three digits that is a success or a redirection. */
static bool is_good(const char *head)
{
    bool is_http = strncmp(head, "HTTP/1.", 7) == 0 && isdigit((unsigned char)head[7]) && head[8] == ' ';
    bool is_number = isdigit((unsigned char)head[10]) && isdigit((unsigned char)head[11]);
    return is_http && is_number && (head[9] == '2' || head[9] == '3');
}

static void read_answer(struct readiness_probe *p)
{
    ssize_t n = recv(p->fd, p->head + p->head_len, sizeof p->head - 1 - p->head_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        failed(p);
        return;
    }
    p->head_len += (size_t)n;
    p->head[p->head_len] = 0;
    if (p->head_len < STATUS_BYTES) return;
    if (is_good(p->head))
        succeeded(p);
    else
        failed(p);
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
    struct readiness_probe *p = arg;
    char request[512];
    if (what & EV_READ) {
        read_answer(p);
        return;
    }
    if (!is_connected(p)) {
        failed(p);
        return;
    }
    if (p->kind != READY_HTTP) {
        succeeded(p);
        return;
    }
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n",
                     p->target.path, p->target.host);
    event_free(p->io);
    p->io = event_new(p->child->sup->base, fd, EV_READ | EV_PERSIST, on_io, p);
    if (!p->io || event_add(p->io, NULL) != 0 || send(p->fd, request, (size_t)n, MSG_NOSIGNAL) != n) failed(p);
}

static void attempt(struct readiness_probe *p)
{
    p->began_ms = mono_ms();
    if (p->kind == READY_COMMAND) {
        attempt_command(p);
        return;
    }
    const struct sockaddr *addr = (const struct sockaddr *)&p->target.addr;
    p->fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->fd < 0 || (connect(p->fd, addr, p->target.addr_len) != 0 && errno != EINPROGRESS)) {
        failed(p);
        return;
    }
    p->io = event_new(p->child->sup->base, p->fd, EV_WRITE, on_io, p);
    if (!p->io || event_add(p->io, NULL) != 0) {
        failed(p);
        return;
    }
    wait_ms(p, ATTEMPT_MS);
}

static struct readiness_probe *start(struct child *c, enum program_ready kind, const char *target, int interval_ms)
{
    struct err err = {0};
    struct readiness_probe *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->child = c;
    p->kind = kind;
    p->interval_ms = interval_ms > 0 ? interval_ms : 50;
    p->fd = -1;
    p->timer = event_new(c->sup->base, -1, 0, on_timer, p);
    if (!p->timer || probe_target_parse(p->kind, target, &p->target, &err) != 0) {
        log_error("%s cannot be asked whether it is well: %s", c->spec.name, err.text);
        probe_free(p);
        return NULL;
    }
    return p;
}

struct readiness_probe *probe_start(struct child *c)
{
    const struct program *program = c->spec.program;
    struct readiness_probe *p = start(c, program->ready, program->ready_target, program->ready_interval_ms);
    if (p) wait_ms(p, 1); /* it has only just been forked */
    return p;
}

struct readiness_probe *probe_start_liveness(struct child *c)
{
    const struct program *program = c->spec.program;
    if (!program || program->live == READY_UNSAID) return NULL;
    struct readiness_probe *p = start(c, program->live, program->live_target, program->live_interval_s * 1000);
    if (!p) return NULL;
    p->failures_most = program->live_failures;
    wait_ms(p, p->interval_ms);
    return p;
}

void probe_free(struct readiness_probe *p)
{
    if (!p) return;
    drop_attempt(p);
    if (p->timer) event_free(p->timer);
    probe_target_free(&p->target);
    free(p);
}
