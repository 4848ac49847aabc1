/* Processes under test that have the shim preloaded: see tests/shim/shim.h. */
#ifndef LOGIKALD_TESTS_SUPPORT_PROCESS_SHIMMED_H
#define LOGIKALD_TESTS_SUPPORT_PROCESS_SHIMMED_H

#include "tests/shim/shim.h"
#include "tests/support/support.h"

struct shimmed {
    struct shim *shim; /* write to it: what is preloaded into sees it at once */
    char preload[300], file[300];
    char sanitizer[600]; /* ASAN_OPTIONS that let a library come before the sanitizer's own */
};

void shimmed_open(struct shimmed *s); /* then give preload, file and sanitizer to the process as environment */

#endif
