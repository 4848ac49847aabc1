/* The end of a process in words: exit status, signal, and what the supervisor knows besides. See exit_words.h. */
#include "supervisor/plan/exit_words.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#include "conf/exit.h"

static const struct {
    int status;
    const char *words;
} known_statuses[] = {
    {EXIT_USAGE, "wrong usage"},
    {EXIT_UNAVAILABLE, "something it needs is unavailable"},
    {EXIT_INTERNAL, "internal error"},
    {EXIT_CONFIG, "configuration refused"},
    {EXIT_PREPARE, "could not be prepared"},
    {EXIT_EXEC, "could not be executed"},
};

const char *signal_words(int sig, char *out, size_t size)
{
    const char *name = sigabbrev_np(sig);
    if (name)
        snprintf(out, size, "SIG%s", name);
    else
        snprintf(out, size, "signal %d", sig);
    return out;
}

int signal_number(const char *name)
{
    char *end;
    long number = strtol(name, &end, 10);
    if (*name && !*end) return number > 0 && number < NSIG ? (int)number : -1;
    if (strncasecmp(name, "SIG", 3) == 0) name += 3;
    for (int sig = 1; sig < NSIG; sig++) {
        const char *known = sigabbrev_np(sig);
        if (known && strcasecmp(known, name) == 0) return sig;
    }
    return -1;
}

static void end_words(const struct exit_facts *f, char *out, size_t size)
{
    char sig[32];
    int s = f->wait_status;
    if (WIFSIGNALED(s)) {
        const char *more = f->is_oom && WTERMSIG(s) == SIGKILL ? " (out of memory)"
                           : WCOREDUMP(s)                      ? ", core dumped"
                                                               : "";
        snprintf(out, size, "killed by %s%s", signal_words(WTERMSIG(s), sig, sizeof sig), more);
        return;
    }
    int status = WEXITSTATUS(s);
    for (size_t i = 0; i < sizeof known_statuses / sizeof *known_statuses; i++)
        if (known_statuses[i].status == status) {
            snprintf(out, size, "exit status %d (%s)", status, known_statuses[i].words);
            return;
        }
    snprintf(out, size, "exit status %d", status);
}

const char *exit_words(const struct exit_facts *f, char *out, size_t size)
{
    char end[96];
    end_words(f, end, sizeof end);
    bool is_ending = f->state == CHILD_STOPPING || f->state == CHILD_DUMPING || f->state == CHILD_KILLING;
    if (is_ending && f->why == WHY_HUNG)
        snprintf(out, size, "hung: no ping for %.1f s, %s", (double)f->silent_ms / 1000, end);
    else if (is_ending && f->why == WHY_SICK)
        snprintf(out, size, "did not answer its liveness probe, %s", end);
    else if (is_ending && f->why == WHY_NOT_READY)
        snprintf(out, size, "not ready in time, %s", end);
    else if (f->state == CHILD_KILLING)
        snprintf(out, size, "did not stop in time, %s", end);
    else if (f->state == CHILD_STOPPING)
        snprintf(out, size, "stopped as asked, %s", end);
    else
        snprintf(out, size, "%s", end);
    return out;
}
