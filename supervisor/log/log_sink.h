/* Where all log lines end: standard output, or a file with rotation by size. Lines are kept in a bounded buffer and
 * written when the reader takes them; what does not fit is dropped, counted, and told of afterwards. Never blocks
 * (a regular file is taken to be always writable). */
#ifndef LOGIKALD_SUPERVISOR_LOG_LOG_SINK_H
#define LOGIKALD_SUPERVISOR_LOG_LOG_SINK_H

#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>

#include "conf/conf.h"
#include "conf/err.h"

#define LOG_SINK_LIMIT_BYTES (256 * 1024)

struct log_sink;

struct log_sink *log_sink_new(struct event_base *base); /* to standard output; NULL without memory */
void log_sink_free(struct log_sink *s);                 /* NULL is fine */

/* Takes log.file, log.rotate_bytes and log.keep. On an error what was open stays in use. */
int log_sink_configure(struct log_sink *s, const struct conf *conf, struct err *err);
/* 0, or -ERR_CONFIG when its log file could not be opened. Nothing changes but that the file may have been made. */
int log_sink_check(const struct log_sink *s, const struct conf *conf, struct err *err);
/* The descriptor of the log file, to hand it over an exec; -1 = standard output. Goes on in it, when it cannot be
 * opened by its path any more. */
int log_sink_fd(const struct log_sink *s);
int log_sink_adopt(struct log_sink *s, int fd, const struct conf *conf, struct err *err);
int log_sink_reopen(struct log_sink *s, struct err *err); /* the file anew, after somebody moved it away */

/* A finished line with its "\n". */
void log_sink_line(struct log_sink *s, const char *line, size_t len);
int64_t log_sink_dropped(const struct log_sink *s); /* lines, since the start */
/* Writes what is pending, waiting at most so long for the reader: before an exit or exec. */
void log_sink_flush(struct log_sink *s, int64_t timeout_ms);

#endif
