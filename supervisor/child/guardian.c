/* The guardian: a tiny process that outlives a supervisor killed with -9 just long enough to end what it left behind.
 * See guardian.h. */
#include "supervisor/child/guardian.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "supervisor/child/child.h"
#include "supervisor/child/guardian_alone.h"
#include "supervisor/child/kin.h"
#include "supervisor/child/reap.h"

#define GUARDIAN_NAME "logikald-guard"
#define PIPE_FD       3
#define RETRY_MS      1000
#define ROUNDS        200 /* of 10 ms: who forks faster than it is killed is followed for so long */
#define ID_VARIABLE   "LOGIKALD_SUPERVISOR_ID="

/* ---- in the guardian itself: no logging ---- */

/* Kills whoever carries the id; returns how many there were. */
static int kill_bearers(const char *word)
{
    int count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e = proc ? readdir(proc) : NULL; e; e = readdir(proc)) {
        if (!isdigit((unsigned char)e->d_name[0])) continue;
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        if (pid == getpid() || !process_carries(pid, word)) continue;
        if (kill(pid, SIGKILL) == 0) count++;
    }
    if (proc) closedir(proc);
    return count;
}

int guardian_duty(const char *id)
{
    char word[sizeof ID_VARIABLE + UUID_TEXT_SIZE];
    snprintf(word, sizeof word, ID_VARIABLE "%s", id);
    prctl(PR_SET_NAME, GUARDIAN_NAME);
    for (int i = 0; i < ROUNDS && kill_bearers(word) > 0; i++) poll(NULL, 0, 10);
    return 0;
}

_Noreturn static void become_guardian(int pipe_fd, const char *id)
{
    setsid();
    for (int sig = 1; sig < NSIG; sig++)
        if (sig != SIGCHLD) signal(sig, SIG_IGN); /* a TERM to everybody is not for it */
    prctl(PR_SET_NAME, GUARDIAN_NAME);
    int null_fd = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < PIPE_FD && null_fd >= 0; fd++) dup2(null_fd, fd);
    dup2(pipe_fd, PIPE_FD);
    close_range(PIPE_FD + 1, ~0U, 0);
    fcntl(PIPE_FD, F_SETFL, fcntl(PIPE_FD, F_GETFL) & ~O_NONBLOCK);
    guardian_alone(PIPE_FD, (const char *const[]){GUARDIAN_NAME, GUARDIAN_DUTY, id, NULL});
}

/* ---- in the supervisor ---- */

static void send_message(struct supervisor *s, pid_t group, char what)
{
    struct guardian_message m;
    memset(&m, 0, sizeof m);
    m.group = group;
    m.what = what;
    if (s->guardian_fd >= 0 && write(s->guardian_fd, &m, sizeof m) != sizeof m)
        log_warning("the guardian does not listen");
}

static void start_again(struct supervisor *s);

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;
    (void)fd, (void)what;
    if (s->guardian_pid <= 0 && !s->is_stopping && !s->is_torn_down) start_again(s);
}

static void retry_soon(struct supervisor *s)
{
    struct timeval delay = {.tv_sec = RETRY_MS / 1000};
    if (event_base_once(s->base, -1, EV_TIMEOUT, on_retry, s, &delay) != 0)
        log_error("no memory to try again: there is no guardian");
}

/* There may be no process or descriptor for it at the moment. */
static void start_again(struct supervisor *s)
{
    struct err err = {0};
    if (guardian_start(s, &err) == 0) return;
    log_error("%s; tried again in a second", err.text);
    retry_soon(s);
}

static int64_t made_ms; /* when the last one was */
static bool was_hasty;  /* the one before ended as soon as it was made */

static void on_end(void *arg, int status)
{
    struct supervisor *s = arg;
    (void)status;
    s->guardian_pid = 0;
    close(s->guardian_fd);
    s->guardian_fd = -1;
    if (s->is_stopping || s->is_torn_down) return;
    bool is_hasty = mono_ms() - made_ms < RETRY_MS, must_wait = is_hasty && was_hasty;
    was_hasty = is_hasty;
    log_warning("the guardian has ended: another one is made%s", must_wait ? " in a second" : "");
    if (must_wait)
        retry_soon(s);
    else
        start_again(s);
}

/* One that waits for its supervisor: see guardian_prepare. */
static struct {
    pid_t pid;
    int fd;
    char id[UUID_TEXT_SIZE];
} prepared;

static pid_t fork_guardian(const char *id, int *fd)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) return -1;
    pid_t pid = fork();
    if (pid == 0) become_guardian(fds[0], id);
    close(fds[0]);
    if (pid < 0) close(fds[1]);
    *fd = fds[1];
    return pid;
}

void guardian_prepare(void)
{
    if (getpid() == 1) return;
    random_uuid4(prepared.id);
    prepared.pid = fork_guardian(prepared.id, &prepared.fd);
}

const char *guardian_prepared_id(void)
{
    return prepared.pid > 0 ? prepared.id : NULL;
}

int guardian_start(struct supervisor *s, struct err *err)
{
    struct child *c;
    if (getpid() == 1) return 0;
    bool is_prepared = prepared.pid > 0 && strcmp(prepared.id, s->id) == 0;
    pid_t pid = is_prepared ? prepared.pid : fork_guardian(s->id, &prepared.fd);
    prepared.pid = 0;
    if (pid < 0 || reap_watch(s, pid, on_end, s) != 0) {
        err_errno(err, "no process for the guardian");
        if (pid > 0) close(prepared.fd);
        return -ERR_SYSTEM;
    }
    made_ms = mono_ms();
    s->guardian_pid = pid;
    s->guardian_fd = prepared.fd;
    CHILDREN_FOREACH(c, s)
        if (c->group) guardian_tell(s, c->group, true);
    return 0;
}

int guardian_resume(struct supervisor *s, struct err *err)
{
    if (s->guardian_pid <= 0) {
        start_again(s);
        return 0;
    }
    return reap_watch(s, s->guardian_pid, on_end, s) == 0 ? 0 : err_set(err, ERR_NOMEM, "no memory for the guardian");
}

void guardian_tell(struct supervisor *s, pid_t group, bool is_there)
{
    send_message(s, group, is_there ? '+' : '-');
}

void guardian_dismiss(struct supervisor *s)
{
    send_message(s, 0, 'q');
}
