/* Giving back what only a start or a reload has needed. */
#ifndef LOGIKALD_CONF_MACHINE_TRIM_H
#define LOGIKALD_CONF_MACHINE_TRIM_H

/* Before anything is allocated: what is large lies by itself, goes back when it is freed, and counts only where it is
 * touched. */
void trim_prepare(void);
/* Free heap, the stack below, and pages of the program and its libraries, which come back from the page cache when they
 * are used again. */
void trim(void);

#endif
