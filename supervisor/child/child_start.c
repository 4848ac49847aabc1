/* Starting a child's process: its words, its environment, its pipes. See child.h. */
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

#include "conf/clock.h"
#include "conf/log.h"
#include "supervisor/child/child.h"
#include "supervisor/child/guardian.h"
#include "supervisor/child/hooks.h"
#include "supervisor/child/kin.h"
#include "supervisor/child/probe.h"
#include "supervisor/child/upgrade.h"
#include "supervisor/plan/environment.h"
#include "supervisor/plan/freeze.h"
#include "supervisor/system/account.h"
#include "supervisor/system/self.h"
#include "supervisor/system/spawn.h"

/* The descriptors of a start: ours and the child's. -1 = none. */
struct pipes {
    int out[2], err[2], notify[2], status[2];
    char notify_path[108]; /* for NOTIFY_SOCKET, "" = none */
};

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void pipes_close(struct pipes *p)
{
    for (int i = 0; i < 2; i++) {
        close_fd(&p->out[i]);
        close_fd(&p->err[i]);
        close_fd(&p->notify[i]);
        close_fd(&p->status[i]);
    }
}

static int log_pipe(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC) != 0) return -1;
    return fcntl(fds[0], F_SETFL, O_NONBLOCK); /* our end only: the child writes as it is used to */
}

/* A foreign program is told a name to send to. The name cannot be guessed and is in the abstract namespace, so nothing
 * is left behind; who sends is checked against the program's process group or user. */
static int named_socket(struct pipes *p)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    char token[33];
    int on = 1;
    random_token_hex(token, 16);
    snprintf(p->notify_path, sizeof p->notify_path, "@logikald/%s", token);
    memcpy(addr.sun_path, p->notify_path, strlen(p->notify_path));
    addr.sun_path[0] = 0;
    p->notify[0] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->notify[0] < 0) return -1;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(p->notify_path));
    if (bind(p->notify[0], (struct sockaddr *)&addr, len) != 0) return -1;
    return setsockopt(p->notify[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

static int pipes_open(struct pipes *p, const struct child_spec *spec, struct err *err)
{
    bool is_told_by_fd = !spec->program;
    *p = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, ""};
    int rc = log_pipe(p->out);
    if (rc == 0) rc = log_pipe(p->err);
    if (rc == 0) rc = log_pipe(p->status);
    if (rc == 0 && is_told_by_fd) rc = socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p->notify);
    if (rc == 0 && spec->readiness == READINESS_PATH) rc = named_socket(p);
    if (rc == 0) return 0;
    rc = err_errno(err, "no pipes for a child");
    pipes_close(p);
    return rc;
}

static void say_paths(struct environment *e, const struct child *c)
{
    static const char *const variables[FREEZE_KINDS] = {CONF_FILE_VAR, CONF_ENV_FILE_VAR, CONF_OVERRIDES_VAR};
    char path[PATH_MAX];
    for (int k = 0; k < FREEZE_KINDS; k++)
        environment_set(e, variables[k], "%s", freeze_path(c->sup, c->spec.role, (enum freeze_kind)k, path));
    environment_set(e, settings[SET_RUN_DIR].env, "%s", c->sup->run_dir);
}

void child_environment(const struct child *c, const char *notify_path, struct environment *e)
{
    const struct supervisor *s = c->sup;
    const struct program *p = c->spec.program;
    environment_start(e, environ, c->spec.users);
    environment_hide(e, s->conf);
    environment_set(e, "LOGIKALD_SUPERVISOR_ID", "%s", s->id);
    environment_set(e, "LOGIKALD_INSTANCE", "%s", c->spec.name);
    environment_set(e, KIN_VARIABLE, "%s/%" PRId64, s->id, c->born);
    if (p) {
        if (notify_path && notify_path[0]) environment_set(e, "NOTIFY_SOCKET", "%s", notify_path);
        if (c->spec.watchdog_ms) environment_set(e, "WATCHDOG_USEC", "%" PRId64, c->spec.watchdog_ms * 1000);
        for (char **entry = p->environment; entry && *entry; entry++) environment_put(e, *entry);
        return;
    }
    environment_set(e, "LOGIKALD_SUPERVISED", "1");
    if (!getenv(ENVIRONMENT_NO_GNUTLS)) environment_set(e, ENVIRONMENT_NO_GNUTLS, "1");
    environment_set(e, "LOGIKALD_NOTIFY_FD", "%d", SPAWN_NOTIFY_FD);
    if (c->spec.has_listener) environment_set(e, "LISTEN_FDS", "1");
    if (c->spec.watchdog_ms) environment_set(e, "WATCHDOG_USEC", "%" PRId64, c->spec.watchdog_ms * 1000);
    if (c->previous_pid) environment_set(e, "LOGIKALD_PREVIOUS_PID", "%d", (int)c->previous_pid);
    say_paths(e, c);
}

static int listen_on(struct supervisor *s, int fd, event_callback_fn fn, void *arg, struct event **event)
{
    if (fd < 0) return 0;
    *event = event_new(s->base, fd, EV_READ | EV_PERSIST, fn, arg);
    return *event ? event_add(*event, NULL) : -1;
}

int child_listen(struct child *c, const struct child_ends *ends, struct err *err)
{
    int rc = 0;
    c->notify_fd = ends->notify_fd;
    c->exec_fd = ends->exec_fd;
    if (ends->out_fd >= 0) rc |= log_stream_open(&c->out, c->sup->base, ends->out_fd, child_on_out, c);
    if (ends->err_fd >= 0) rc |= log_stream_open(&c->err, c->sup->base, ends->err_fd, child_on_err, c);
    rc |= listen_on(c->sup, c->notify_fd, child_told, c, &c->notified);
    rc |= listen_on(c->sup, c->exec_fd, child_executed, c, &c->executed);
    return rc == 0 ? 0 : err_set(err, ERR_NOMEM, "no memory for a child's pipes");
}

/* Notes the start of a process: its number, and by which rules it is to be stopped. */
static void begin(struct child *c)
{
    c->born = ++c->sup->births;
    c->sup->must_trim = true;
    memset(c->kin_told, 0, sizeof c->kin_told);
    c->running_stop_signal = c->spec.stop_signal;
    c->running_stop_timeout_ms = c->spec.policy.stop_timeout_ms;
    c->exec_error[0] = 0;
    c->owes_hup = c->is_upgrade = false;
    upgrade_note(c);
}

static void tell_start(const struct child *c)
{
    const struct program *p = c->spec.program;
    log_info("%s[%d] started", c->spec.name, (int)c->pid);
    bool is_other = p && p->user && account_uid(p->user) != geteuid();
    if (is_other && geteuid() != 0 && c->machine.starts == 1)
        log_warning("%s runs as we do, not as user %s: only root can change that", c->spec.name, p->user);
}

int child_start(struct child *c, struct err *err)
{
    const struct program *p = c->spec.program;
    char *role_argv[] = {"logikald", c->spec.role, NULL};
    struct pipes pipes;
    struct environment e = {0};
    child_io_close(c);
    int rc = pipes_open(&pipes, &c->spec, err);
    if (rc != 0) return rc;
    begin(c);
    c->sup->hooks->place_needed(c->sup); /* what it reads is there */
    if (!p) self_role_program(c->spec.role, c->sup->roles_path, NULL);
    child_environment(c, pipes.notify_path, &e);
    struct spawn how = {
        .path = p ? p->command[0] : c->sup->roles_path,
        .argv = p ? p->command : role_argv,
        .envp = e.list,
        .out_fd = pipes.out[1],
        .err_fd = pipes.err[1],
        .listen_fd = c->spec.has_listener ? c->sup->listen_fd : -1,
        .notify_fd = pipes.notify[1],
        .status_fd = pipes.status[1],
        .program = p,
    };
    rc = e.failed ? err_set(err, ERR_NOMEM, "no memory for the environment of %s", c->spec.name) : 0;
    struct child_ends ends = {pipes.out[0], pipes.err[0], pipes.notify[0], pipes.status[0]};
    if (rc == 0) rc = child_listen(c, &ends, err);
    pipes.out[0] = pipes.err[0] = pipes.notify[0] = pipes.status[0] = -1;
    if (rc != 0) goto out;
    c->started_ms = mono_ms();
    line_ring_mark(&c->lines);
    c->started_wall_ms = wall_ms();
    pid_t pid = spawn(&how, err);
    if (pid < 0) {
        rc = -(int)ERR_SYSTEM;
        goto out;
    }
    c->pid = c->group = pid;
    guardian_tell(c->sup, pid, true);
    tell_start(c);
    if (c->spec.readiness == READINESS_PROBE) c->probe = probe_start(c);
out:
    environment_free(&e);
    pipes_close(&pipes);
    return rc;
}
