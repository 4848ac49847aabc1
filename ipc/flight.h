/* The flight recorder's file: what happened to processes, a JSON object a line, in RUN_DIR. The supervisor appends,
 * web moves the rows to PostgreSQL and shows what is not there yet. A second file holds what came before, so that both
 * together are bounded. A line that is torn or no event is passed over and counted. */
#ifndef LOGIKALD_IPC_FLIGHT_H
#define LOGIKALD_IPC_FLIGHT_H

#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>

#include "conf/err.h"

#define FLIGHT_FILE         "events.log"
#define FLIGHT_FILE_BEFORE  "events.log.1"
#define FLIGHT_FILE_BYTES   (256 * 1024) /* of each */
#define FLIGHT_DETAIL_BYTES 4096

/* What happened. source and n name it for ever: whoever began to record (a random id), and how many it was. Numbers
 * that are missing are events that were not kept. */
struct flight_event {
    const char *source; /* UUID */
    int64_t n;          /* from 1 */
    int64_t at_ms;      /* unix time */
    const char *host, *version;
    const char *event, *child; /* child "": of the supervisor itself */
    int pid;                   /* 0 = none */
    const char *text, *detail; /* without secrets; detail: more lines, "" = none */
};

/* As a line with its end, the caller's to free; NULL without memory. */
char *flight_line(const struct flight_event *e);

/* Adds whole lines to the file, behind a line end where the last one was torn; what was there before makes room. All or
 * nothing: 0, or an error. */
int flight_append(const char *run_dir, const char *lines, size_t len, struct err *err);

/* Where a reader is: what it has read of a file that has not changed since is not read again. */
struct flight_place {
    uint64_t inode, inode_before;
    int64_t size, size_before;
};
/* The events of both files, the oldest first, each with the members of flight_event (at_ms as "at_ms"); made anew from
 * what was read, so that all are valid UTF-8 of bounded length. NULL: nothing has changed since place was noted, or
 * there is no file; place may be NULL. unreadable: lines that are none. The caller's to delete. */
cJSON *flight_read(const char *run_dir, struct flight_place *place, int64_t *unreadable);

#endif
