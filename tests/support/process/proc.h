/* What Linux says about a process, and which processes have something in their environment. */
#ifndef LOGIKALD_TESTS_SUPPORT_PROCESS_PROC_H
#define LOGIKALD_TESTS_SUPPORT_PROCESS_PROC_H

#include <stdbool.h>
#include <stdint.h>

struct proc_use {
    int64_t pss_kib, rss_kib, anonymous_kib; /* anonymous: what it has allocated, whoever else maps its libraries */
    int descriptors, threads;
};

int proc_parent(int pid);                     /* 0 when it is gone */
bool proc_use(int pid, struct proc_use *out); /* false when it is gone, or about to be */
int64_t proc_pss_kib(int pid);                /* 0 when it is gone */
/* What it has written or been handed written, of its program, heap, stack and other rooms, not of its libraries (theirs
 * differs from system to system); 0 when it is gone. */
int64_t proc_own_kib(int pid);
int proc_descriptors(int pid);                          /* likewise */
int proc_with(const char *entry, int pids[], int most); /* those whose environment contains entry; how many */
void proc_name(int pid, char *out, unsigned size);      /* "" when it is gone */

#endif
