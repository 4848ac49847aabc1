/* The last words of a process that crashes, or that a watchdog ends by SIGABRT: the signal and the stack, on standard
 * error, from where a supervisor takes them into its log. See crash.h. */
#include "conf/machine/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define FRAMES     64
#define STACK_SIZE 65536 /* of its own, since the usual one may be what has run out */

static const int signals[] = {SIGABRT,
#ifndef __SANITIZE_ADDRESS__ /* which has words of its own for these */
                              SIGSEGV, SIGBUS, SIGILL, SIGFPE
#endif
};

static void say(const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n <= 0) return;
        text += n;
        len -= (size_t)n;
    }
}

static void on_crash(int sig)
{
    void *frames[FRAMES];
    const char *name = sigabbrev_np(sig);
    int count = backtrace(frames, FRAMES);
    say("ended by SIG");
    say(name ? name : "?");
    say(" at (addr2line -e tells file and line):\n");
    backtrace_symbols_fd(frames, count, STDERR_FILENO);
    raise(sig); /* the handler is gone by SA_RESETHAND; delivered as soon as we return */
}

void crash_tell(void)
{
    static char stack[STACK_SIZE];
    void *one[1];
    backtrace(one, 1); /* loads what it needs now, since the handler must not */
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternative, NULL);
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | (int)SA_RESETHAND};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
}
