/* Preloaded into a process under test: a wall clock that can be stepped, a disk that can be full, and calls that can be
 * made to fail. Nothing changes as long as the shared struct is all zeros. Calls that need no wrapping by a sanitizer
 * go straight to the kernel, because this library comes before it. */
#include "tests/shim/shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static struct shim nothing, *shared = &nothing;

__attribute__((constructor)) static void shim_map(void)
{
    const char *path = getenv(SHIM_VAR);
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) shared = at;
    close(fd);
}

static int64_t offset_us(void)
{
    return __atomic_load_n(&shared->clock_us, __ATOMIC_RELAXED);
}

/* Takes one of the failures that are left. */
static bool is_refused(int32_t *left)
{
    int32_t n = __atomic_load_n(left, __ATOMIC_RELAXED);
    while (n > 0)
        if (__atomic_compare_exchange_n(left, &n, n - 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            __atomic_add_fetch(&shared->refused, 1, __ATOMIC_RELAXED);
            return true;
        }
    return false;
}

/* --- the wall clock --- */

int clock_gettime(clockid_t id, struct timespec *t)
{
    if (syscall(SYS_clock_gettime, id, t) != 0) return -1;
    int64_t off = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE ? offset_us() : 0;
    if (off == 0) return 0;
    int64_t ns = t->tv_nsec + off % 1000000 * 1000;
    t->tv_sec += off / 1000000 + (ns < 0 ? -1 : ns / 1000000000);
    t->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

/* --- the disk --- */

ssize_t write(int fd, const void *bytes, size_t size)
{
    struct stat st;
    if (__atomic_load_n(&shared->disk_full, __ATOMIC_RELAXED) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        __atomic_add_fetch(&shared->refused, 1, __ATOMIC_RELAXED);
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_write, fd, bytes, size);
}

/* --- processes and pipes --- */

pid_t fork(void)
{
    static pid_t (*next)(void);
    if (is_refused(&shared->fork_fails)) {
        errno = EAGAIN;
        return -1;
    }
    if (!next) {
        void *symbol = dlsym(RTLD_NEXT, "fork");
        memcpy(&next, &symbol, sizeof next);
    }
    return next();
}

int pipe2(int ends[2], int flags)
{
    if (is_refused(&shared->pipe_fails)) {
        errno = EMFILE;
        return -1;
    }
    return (int)syscall(SYS_pipe2, ends, flags);
}

int socketpair(int domain, int type, int protocol, int ends[2])
{
    if (is_refused(&shared->pipe_fails)) {
        errno = EMFILE;
        return -1;
    }
    return (int)syscall(SYS_socketpair, domain, type, protocol, ends);
}
