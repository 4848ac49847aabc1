/* See fault.h. */
#include "tests/fault/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cjson/cJSON.h>
#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
int __lsan_do_recoverable_leak_check(void);
#else
static int __lsan_do_recoverable_leak_check(void)
{
    return 0;
}
#endif

enum { CALLS_MAX = 100000 };

static int armed, left;
static bool is_for_good, has_failed;

static bool is_due(int kind, int error)
{
    if (!(armed & kind) || (left > 1 && left-- > 1) || (has_failed && !is_for_good)) return false;
    has_failed = true;
    errno = error;
    return true;
}

void fault_begin(int kinds, int n, bool for_good)
{
    left = n;
    is_for_good = for_good;
    has_failed = false;
    armed = kinds;
}

bool fault_end(void)
{
    armed = 0;
    return has_failed;
}

/* Runs it with the n-th call failing; false when there is no n-th call. */
static bool run_once(const char *name, int kinds, enum fault_tells tells, fault_run *run, void *arg, int n, bool good)
{
    struct err err = {0};
    fault_begin(kinds, n, good);
    int rc = run(arg, &err);
    bool failed = fault_end();
    const char *how = good ? "and those after it" : "alone";
    if (!failed && rc != 0) fail_msg("%s failed by itself: %s", name, err.text);
    if (failed && tells != FAULT_SILENT && rc == 0)
        fail_msg("%s: nobody noticed that call %d (%s) failed", name, n, how);
    if (failed && tells == FAULT_TEXT && (!err.code || !err.text[0]))
        fail_msg("%s: call %d (%s) failed, and no error says so", name, n, how);
    return failed;
}

int fault_each(const char *name, int kinds, enum fault_tells tells, fault_run *run, void *arg)
{
    int count = 0;
    for (int good = 0; good < 2; good++)
        for (int n = 1; run_once(name, kinds, tells, run, arg, n, good); n++) {
            if (n > CALLS_MAX) fail_msg("%s does not end", name);
            count++;
        }
    if (count == 0) fail_msg("%s: there was no call to fail", name);
    if (__lsan_do_recoverable_leak_check()) fail_msg("%s: a failure leaks", name);
    return count;
}

/* --- memory --- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return is_due(FAULT_ALLOC, ENOMEM) ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return is_due(FAULT_ALLOC, ENOMEM) ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size)
{
    return is_due(FAULT_ALLOC, ENOMEM) ? NULL : __real_realloc(p, size);
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    return is_due(FAULT_ALLOC, ENOMEM) ? NULL : __real_strdup(text);
}

char *__real_strndup(const char *text, size_t n);
char *__wrap_strndup(const char *text, size_t n);
char *__wrap_strndup(const char *text, size_t n)
{
    return is_due(FAULT_ALLOC, ENOMEM) ? NULL : __real_strndup(text, n);
}

int __real_vasprintf(char **out, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
int __wrap_vasprintf(char **out, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
int __wrap_vasprintf(char **out, const char *format, va_list args)
{
    if (!is_due(FAULT_ALLOC, ENOMEM)) return __real_vasprintf(out, format, args);
    *out = (char *)(uintptr_t)0xdeadULL; /* undefined after a failure */
    return -1;
}

int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = __wrap_vasprintf(out, format, args);
    va_end(args);
    return n;
}

/* What FORTIFY_SOURCE makes of the two. */
int __wrap___vasprintf_chk(char **out, int flag, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
int __wrap___vasprintf_chk(char **out, int flag, const char *format, va_list args)
{
    (void)flag;
    return __wrap_vasprintf(out, format, args);
}

int __wrap___asprintf_chk(char **out, int flag, const char *format, ...) __attribute__((format(printf, 3, 4)));
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = __wrap___vasprintf_chk(out, flag, format, args);
    va_end(args);
    return n;
}

__attribute__((constructor)) static void hook_cjson(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = __wrap_malloc, .free_fn = free});
}

/* --- descriptors and files --- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
    va_end(args);
    return is_due(FAULT_OPEN, EMFILE) ? -1 : __real_open(path, flags, mode);
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
    return is_due(FAULT_OPEN, EMFILE) ? NULL : __real_fopen(path, mode);
}

int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags)
{
    return is_due(FAULT_OPEN, EMFILE) ? -1 : __real_memfd_create(name, flags);
}

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol)
{
    return is_due(FAULT_OPEN, EMFILE) ? -1 : __real_socket(domain, type, protocol);
}

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    if (is_due(FAULT_WRITE, ENOSPC)) return -1;
    return __real_write(fd, bytes, size > 1 && is_due(FAULT_SHORT, 0) ? 1 : size);
}

ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
    return is_due(FAULT_READ, EIO) ? -1 : __real_read(fd, bytes, size);
}

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st)
{
    return is_due(FAULT_READ, EIO) ? -1 : __real_fstat(fd, st);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    return is_due(FAULT_MOVE, EACCES) ? -1 : __real_rename(from, to);
}

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
    return is_due(FAULT_MOVE, EACCES) ? -1 : __real_mkdir(path, mode);
}

int __real_chmod(const char *path, mode_t mode);
int __wrap_chmod(const char *path, mode_t mode);
int __wrap_chmod(const char *path, mode_t mode)
{
    return is_due(FAULT_MOVE, EACCES) ? -1 : __real_chmod(path, mode);
}

/* --- processes --- */

int __real_pipe2(int ends[2], int flags);
int __wrap_pipe2(int ends[2], int flags);
int __wrap_pipe2(int ends[2], int flags)
{
    return is_due(FAULT_PIPE, EMFILE) ? -1 : __real_pipe2(ends, flags);
}

int __real_socketpair(int domain, int type, int protocol, int ends[2]);
int __wrap_socketpair(int domain, int type, int protocol, int ends[2]);
int __wrap_socketpair(int domain, int type, int protocol, int ends[2])
{
    return is_due(FAULT_PIPE, EMFILE) ? -1 : __real_socketpair(domain, type, protocol, ends);
}

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
    return is_due(FAULT_FORK, EAGAIN) ? -1 : __real_fork();
}
