/* Seconds of processor, for benches on machines where the clock tells of the others as well. */
#ifndef LOGIKALD_TESTS_BENCH_SYNC_CPU_H
#define LOGIKALD_TESTS_BENCH_SYNC_CPU_H

#include <sys/types.h>

double cpu_of_tree(pid_t root); /* of a process, its children, and whoever they have waited for; to a hundredth */
double cpu_of(int who);         /* RUSAGE_SELF or RUSAGE_CHILDREN: of those that were waited for */

#endif
