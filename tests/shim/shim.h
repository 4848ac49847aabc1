/* What a test turns in the processes that it has started with LD_PRELOAD=shim.so and LOGIKALD_TEST_SHIM=FILE: the file
 * is this struct, mapped by all of them, so that a change counts at once and everywhere. See shim.c. */
#ifndef LOGIKALD_TESTS_SHIM_H
#define LOGIKALD_TESTS_SHIM_H

#include <stdint.h>

#define SHIM_VAR "LOGIKALD_TEST_SHIM"

struct shim {
    int64_t clock_us;   /* added to the wall clock; the monotonic clock goes on as it is */
    int32_t disk_full;  /* writing to a regular file fails with ENOSPC */
    int32_t fork_fails; /* fork fails with EAGAIN; at most as many times as this says, here and below */
    int32_t pipe_fails; /* pipe2 and socketpair fail with EMFILE */
    int32_t refused;    /* how many calls were refused so far */
};

#endif
