/* A system call without the C library, for code that outlives it in a process. Returns what the kernel returns: -errno
 * on failure. */
#ifndef LOGIKALD_SUPERVISOR_BARE_CALL_H
#define LOGIKALD_SUPERVISOR_BARE_CALL_H

#include <sys/syscall.h>

#if defined(__x86_64__)
#define HAS_BARE_CALL 1
static inline __attribute__((always_inline)) long bare_call(long number, long a, long b, long c)
{
    long rc;
    __asm__ volatile("syscall" : "=a"(rc) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return rc;
}
#elif defined(__aarch64__)
#define HAS_BARE_CALL 1
static inline __attribute__((always_inline)) long bare_call(long number, long a, long b, long c)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
#else
#define HAS_BARE_CALL 0 /* the library stays */
#include <unistd.h>
static inline long bare_call(long number, long a, long b, long c)
{
    return syscall(number, a, b, c);
}
#endif

#endif
