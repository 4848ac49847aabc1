/* A process of our own (no child of the plan) that runs to its end, and whose output goes to the log line by line. See
 * tool.h. */
#include "supervisor/child/tool.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "conf/log.h"
#include "supervisor/system/spawn.h"

static void on_out(void *arg, const char *text, size_t len, bool is_cut)
{
    struct tool *t = arg;
    (void)is_cut;
    if (len == 0) return;
    log_info("%s: %.*s", t->label, (int)len, text);
    snprintf(t->said, sizeof t->said, "%.*s", (int)len, text);
}

static void on_err(void *arg, const char *text, size_t len, bool is_cut)
{
    struct tool *t = arg;
    (void)is_cut;
    if (len == 0) return;
    log_warning("%s: %.*s", t->label, (int)len, text);
    snprintf(t->last, sizeof t->last, "%.*s", (int)len, text);
}

static void close_streams(struct tool *t)
{
    log_stream_drain(&t->out);
    log_stream_drain(&t->err);
    log_stream_close(&t->out);
    log_stream_close(&t->err);
}

static void on_end(void *arg, int status)
{
    struct tool *t = arg;
    t->pid = 0;
    close_streams(t);
    t->fn(t->arg, status);
}

void tool_init(struct tool *t, struct supervisor *s, const char *label)
{
    *t = (struct tool){.sup = s, .label = label, .out.fd = -1, .err.fd = -1};
}

/* Without descriptors for it, it runs all the same, unheard. */
static void open_pipe(int ends[2])
{
    ends[0] = ends[1] = -1;
    if (pipe2(ends, O_CLOEXEC) == 0) fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

static void close_fd(int fd)
{
    if (fd >= 0) close(fd);
}

int tool_start(struct tool *t, char *const *argv, char *const *envp, int extra_fd, reap_fn fn, void *arg,
               struct err *err)
{
    int out[2], fail[2];
    open_pipe(out);
    open_pipe(fail);
    struct spawn how = {.path = argv[0],
                        .argv = argv,
                        .envp = envp,
                        .out_fd = out[1],
                        .err_fd = fail[1],
                        .listen_fd = extra_fd,
                        .notify_fd = -1,
                        .status_fd = -1};
    t->fn = fn;
    t->arg = arg;
    t->said[0] = t->last[0] = 0;
    pid_t pid = spawn(&how, err);
    close_fd(out[1]);
    close_fd(fail[1]);
    if (pid < 0 || reap_watch(t->sup, pid, on_end, t) != 0) {
        close_fd(out[0]);
        close_fd(fail[0]);
        if (pid > 0) reap_abandon(t->sup, pid);
        return err_set(err, ERR_SYSTEM, "no process for it");
    }
    t->pid = pid;
    if (out[0] >= 0) log_stream_open(&t->out, t->sup->base, out[0], on_out, t);
    if (fail[0] >= 0) log_stream_open(&t->err, t->sup->base, fail[0], on_err, t);
    return 0;
}

void tool_abandon(struct tool *t)
{
    if (!t->pid) return;
    reap_abandon(t->sup, t->pid);
    t->pid = 0;
    close_streams(t);
}
