/* A lock between the threads of a process. A thread that takes it twice, or gives back or waits with what it does not
 * hold, ends the process at once: data that two change at a time would be found out of order much later, or never. */
#ifndef LOGIKALD_CONF_MACHINE_LOCK_H
#define LOGIKALD_CONF_MACHINE_LOCK_H

#include <pthread.h>

void lock_init(pthread_mutex_t *lock);
void lock_take(pthread_mutex_t *lock);
void lock_give(pthread_mutex_t *lock);
void lock_wait(pthread_cond_t *change, pthread_mutex_t *lock);
/* Until a time of the condition's clock; it may have passed. */
void lock_wait_until(pthread_cond_t *change, pthread_mutex_t *lock, const struct timespec *until);

#endif
