/* What is wrong and is seen again and again: it is said when it is new, and once a minute while it lasts. */
#ifndef LOGIKALD_SERVICES_WORKER_COMPLAINT_H
#define LOGIKALD_SERVICES_WORKER_COMPLAINT_H

#include <stdbool.h>
#include <stdint.h>

struct complaint {
    char text[160];
    int64_t said_ms;
};
bool complaint_is_due(struct complaint *c, const char *text); /* true: say it now */

#endif
