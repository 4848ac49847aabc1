/* Failures on purpose: in programs named test_fault_*, the project's own calls of the functions below (and cJSON's
 * allocations) go through counters (the linker's --wrap), and the n-th of them fails. fault_each makes an operation
 * fail at each of its calls in turn, once for good measure and once for all that follow, and asks of it that it says
 * so, leaks nothing and works again afterwards. */
#ifndef LOGIKALD_TESTS_FAULT_H
#define LOGIKALD_TESTS_FAULT_H

#include <stdbool.h>

#include "conf/err.h"

enum fault_kind {
    FAULT_ALLOC = 1, /* malloc, calloc, realloc, strdup, strndup, asprintf, vasprintf: NULL, ENOMEM */
    FAULT_OPEN = 2,  /* open, fopen, memfd_create, socket: EMFILE */
    FAULT_WRITE = 4, /* write: ENOSPC */
    FAULT_SHORT = 8, /* write: takes one byte */
    FAULT_PIPE = 16, /* pipe2, socketpair: EMFILE */
    FAULT_FORK = 32, /* EAGAIN */
    FAULT_MOVE = 64, /* rename, mkdir, chmod: EACCES */
    FAULT_READ = 128 /* read, fstat: EIO */
};

/* An operation from start to end, everything it made released: 0, or not 0 when it failed, with err filled if it is of
 * those that fill it. */
typedef int fault_run(void *arg, struct err *err);

/* How a failure must show: as a result that is not 0; the same with a text in err; or not at all (the operation may go
 * without what failed). */
enum fault_tells { FAULT_RESULT, FAULT_TEXT, FAULT_SILENT };

/* Runs it without a failure (it must succeed), then with each. kinds: an or of fault_kind. Returns how many calls were
 * made to fail. Fails the test when there was nothing to fail. */
int fault_each(const char *name, int kinds, enum fault_tells tells, fault_run *run, void *arg);

/* By hand: the n-th call of these kinds fails (and all that follow, if for_good). fault_end says whether one did. */
void fault_begin(int kinds, int n, bool for_good);
bool fault_end(void);

#endif
