/* Giving back what only a start or a reload has needed. */
#ifndef LOGIKALD_SUPERVISOR_SYSTEM_TRIM_H
#define LOGIKALD_SUPERVISOR_SYSTEM_TRIM_H

/* Free heap, and pages of program text, which come back from the page cache when they are used again. */
void trim(void);

#endif
