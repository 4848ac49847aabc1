/* A lock between the threads of a process: see lock.h. */
#include "conf/machine/lock.h"

#include <errno.h>
#include <stdlib.h>

static void must(int result)
{
    if (result != 0 && result != ETIMEDOUT) abort();
}

void lock_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t checked;
    pthread_mutexattr_init(&checked);
    pthread_mutexattr_settype(&checked, PTHREAD_MUTEX_ERRORCHECK);
    must(pthread_mutex_init(lock, &checked));
    pthread_mutexattr_destroy(&checked);
}

void lock_take(pthread_mutex_t *lock)
{
    must(pthread_mutex_lock(lock));
}

void lock_give(pthread_mutex_t *lock)
{
    must(pthread_mutex_unlock(lock));
}

void lock_wait(pthread_cond_t *change, pthread_mutex_t *lock)
{
    must(pthread_cond_wait(change, lock));
}

void lock_wait_until(pthread_cond_t *change, pthread_mutex_t *lock, const struct timespec *until)
{
    must(pthread_cond_timedwait(change, lock, until));
}
