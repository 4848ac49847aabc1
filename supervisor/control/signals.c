/* Signals: see signals.h. One table says what each means. */
#include "supervisor/control/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "conf/log.h"
#include "supervisor/child/children.h"
#include "supervisor/child/reap.h"
#include "supervisor/control/reload.h"
#include "supervisor/plan/exit_words.h"
#include "supervisor/watch/status.h"

/* Which of our standard descriptors were a terminal at the start; none when that we were to outlive it (nohup). */
static bool is_terminal[3];

/* HUP means reload; but somebody who closes the window in which we run wants us to end. */
static bool is_terminal_gone(void)
{
    for (int fd = 0; fd < 3; fd++) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (is_terminal[fd] && poll(&p, 1, 0) == 1 && (p.revents & POLLHUP)) return true;
    }
    return false;
}

static void on_stop(struct supervisor *s, int sig)
{
    char name[32];
    supervisor_stop(s, 0, signal_words(sig, name, sizeof name));
}

static void on_child(struct supervisor *s, int sig)
{
    (void)sig;
    if (reap_some(s)) event_active(s->signals, EV_READ, 0); /* the rest after the others have had their turn */
}

static void on_reload(struct supervisor *s, int sig)
{
    struct err err = {0};
    (void)sig;
    if (is_terminal_gone())
        supervisor_stop(s, 0, "the terminal has gone");
    else if (!s->is_stopping)
        supervisor_reload(s, &err);
}

static void on_reopen(struct supervisor *s, int sig)
{
    struct err err = {0};
    (void)sig;
    if (log_sink_reopen(s->sink, &err) != 0)
        log_error("%s", err.text);
    else
        log_info("log reopened");
}

static void on_dump(struct supervisor *s, int sig)
{
    (void)sig;
    status_log(s);
}

static const struct {
    int sig;
    void (*handle)(struct supervisor *s, int sig);
} rows[] = {
    {SIGTERM, on_stop},  {SIGINT, on_stop},    {SIGQUIT, on_stop}, {SIGCHLD, on_child},
    {SIGHUP, on_reload}, {SIGUSR1, on_reopen}, {SIGUSR2, on_dump},
};
#define ROWS (sizeof rows / sizeof *rows)

static void on_signals(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;
    struct signalfd_siginfo infos[16];
    (void)what;
    ssize_t n = read((int)fd, infos, sizeof infos);
    int count = n > 0 ? (int)(n / (ssize_t)sizeof *infos) : 0;
    for (int i = 0; i < count; i++)
        for (size_t r = 0; r < ROWS; r++)
            if (rows[r].sig == (int)infos[i].ssi_signo) rows[r].handle(s, rows[r].sig);
    if (count == 0) on_child(s, SIGCHLD); /* woken by ourselves: there was more to reap */
}

static void fill(sigset_t *set)
{
    sigemptyset(set);
    for (size_t r = 0; r < ROWS; r++) sigaddset(set, rows[r].sig);
}

void signals_hold(void)
{
    sigset_t set;
    struct sigaction hup;
    bool outlives = sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler == SIG_IGN;
    for (int fd = 0; fd < 3 && !outlives; fd++) is_terminal[fd] = isatty(fd);
    fill(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGCHLD, SIG_DFL); /* whoever ignores it (as our parent may) is never told of an end */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit (ulimit -f) is a full disk, and no reason to die without a word */
    signal(SIGTTOU, SIG_IGN);
}

int signals_open(struct supervisor *s, struct err *err)
{
    sigset_t set;
    fill(&set);
    signals_hold();
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0) return err_errno(err, "signals");
    s->signals = event_new(s->base, s->signal_fd, EV_READ | EV_PERSIST, on_signals, s);
    if (!s->signals || event_add(s->signals, NULL) != 0) return err_set(err, ERR_NOMEM, "no memory for signals");
    event_active(s->signals, EV_READ, 0); /* what ended before we listened */
    return 0;
}

void signals_close(struct supervisor *s)
{
    if (s->signals) event_free(s->signals);
    if (s->signal_fd >= 0) close(s->signal_fd);
    s->signals = NULL;
    s->signal_fd = -1;
}
