/* The guardian while it waits: see guardian_alone.h. This file is compiled without sanitizers, stack protector and
 * built-in functions (Makefile): nothing in `wait_alone` may call out of its section, or read constants from elsewhere.
 */
#include "supervisor/child/guardian_alone.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "supervisor/system/bare_call.h"

#if defined(__has_include) && __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#define GROUPS_MAX 512
#define RANGES_MAX 192
#define WORDS_MAX  4
#define WORD_SIZE  64
#define OWN_FRAME  1024 /* of wait_alone, and what the processor may use below it; more than enough */

struct range {
    uintptr_t start, end;
};

/* On the stack, as all that is left has to be. */
struct alone {
    int pipe_fd, count, range_count;
    pid_t groups[GROUPS_MAX];
    struct range ranges[RANGES_MAX]; /* to be unmapped */
    uintptr_t stack, page;           /* where the stack begins; 0 = not known */
    char program[16], words[WORDS_MAX][WORD_SIZE];
    char *argv[WORDS_MAX + 1], *environment[1];
};

extern const char __start_guardian_text[], __stop_guardian_text[]; /* made by the linker */

__attribute__((section("guardian_text"), noinline, noreturn)) static void wait_alone(struct alone *a)
{
    for (int i = 0; i < a->range_count; i++)
        bare_call(SYS_munmap, (long)a->ranges[i].start, (long)(a->ranges[i].end - a->ranges[i].start), 0);
    if (a->stack) {
        uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - OWN_FRAME) & ~(a->page - 1);
        bare_call(SYS_madvise, (long)a->stack, (long)(end - a->stack), MADV_DONTNEED);
    }
    struct guardian_message m;
    long n;
    while ((n = bare_call(SYS_read, a->pipe_fd, (long)&m, sizeof m)) != 0) {
        if (n != sizeof m) continue; /* interrupted */
        if (m.what == 'q') break;
        int at = 0;
        while (at < a->count && a->groups[at] != m.group) at++;
        if (m.what == '+' && at == a->count && a->count < GROUPS_MAX) a->groups[a->count++] = m.group;
        if (m.what == '-' && at < a->count) a->groups[at] = a->groups[--a->count];
    }
    if (n == 0) {
        for (int i = 0; i < a->count; i++) bare_call(SYS_kill, -(long)a->groups[i], SIGKILL, 0);
        bare_call(SYS_execve, (long)a->program, (long)a->argv, (long)a->environment);
    }
    for (;;) bare_call(SYS_exit_group, 0, 0, 0);
}

static void add(struct alone *a, uintptr_t start, uintptr_t end)
{
    if (start < end && a->range_count < RANGES_MAX) a->ranges[a->range_count++] = (struct range){start, end};
}

/* What is mapped, but the pages of wait_alone, the stack, and what the kernel has put there. */
static void find_ranges(struct alone *a)
{
    uintptr_t page = a->page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t keep = (uintptr_t)__start_guardian_text & ~(page - 1);
    uintptr_t here = (uintptr_t)a, keep_end = ((uintptr_t)__stop_guardian_text + page - 1) & ~(page - 1);
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    bool is_hosted = false; /* by a tool that lives in the same process, and needs the library at the end */
    while (maps && fgets(line, sizeof line, maps)) {
        char *rest;
        uintptr_t start = strtoul(line, &rest, 16), end = *rest == '-' ? strtoul(rest + 1, &rest, 16) : 0;
        if (strstr(line, "/valgrind/")) is_hosted = true;
        if (strstr(line, " [v")) continue;
        if (start <= here && here < end) {
            a->stack = start;
        } else if (start <= keep && keep < end) {
            add(a, start, keep);
            add(a, keep_end, end);
        } else {
            add(a, start, end);
        }
    }
    if (maps) fclose(maps);
    if (is_hosted) a->range_count = 0;
}

/* The kernel writes into the library's memory at each switch of tasks, until it is told not to. */
static bool is_left_by_kernel(void)
{
#ifdef RSEQ_SIG
    char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
    return __rseq_size == 0 || syscall(SYS_rseq, area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG) == 0;
#else
    return true;
#endif
}

void guardian_alone(int pipe_fd, const char *const argv[])
{
    struct alone a = {.pipe_fd = pipe_fd, .program = "/proc/self/exe"};
    for (int i = 0; i < WORDS_MAX && argv[i]; i++) {
        snprintf(a.words[i], sizeof a.words[i], "%s", argv[i]);
        a.argv[i] = a.words[i];
    }
    if (HAS_BARE_CALL && is_left_by_kernel()) find_ranges(&a);
    wait_alone(&a);
}
