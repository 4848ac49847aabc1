/* What a web process has told while PostgreSQL was away, in a file of the run directory that it keeps locked: when it
 * is killed before PostgreSQL knows of that, a successor takes it over, tells what no channel had taken, and the end.
 */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_ALARMS_TOLD_ALONE_H
#define LOGIKALD_SERVICES_WEB_WATCH_ALARMS_TOLD_ALONE_H

#include <cjson/cJSON.h>

struct told_alone;
struct told_alone *told_alone_new(const char *run_dir); /* NULL without memory; "" keeps nothing */
/* Leaves the file to a successor, unless there is nothing in it. NULL is fine. */
void told_alone_free(struct told_alone *t);

void told_alone_write(struct told_alone *t, const cJSON *problems); /* instead of what it has; an array */
/* fn is called with the array of each process that is gone; its file goes afterwards. */
typedef void (*told_alone_fn)(void *arg, const cJSON *problems);
void told_alone_take(struct told_alone *t, told_alone_fn fn, void *arg);

#endif
