/* Logging: one line per event on stderr, as text or JSON, with level, UTC time in milliseconds, role, pid and, where
 * there is one, the task id. A line is written with one write(2), so lines of several processes on one pipe never
 * interleave (up to PIPE_BUF bytes; longer texts are cut and marked). Never blocks for long: a full pipe drops the line
 * and the next one says how many were lost. Never give it a secret. */
#ifndef LOGIKALD_CONF_LOG_H
#define LOGIKALD_CONF_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_CRITICAL };
enum log_format { LOG_TEXT, LOG_JSON };

/* Under a supervisor (environment LOGIKALD_SUPERVISED=1) each line begins with the byte 0x1e (record separator), which
 * tells the supervisor that the line is complete as it is; lines without it are framed by the supervisor. */
#define LOG_FRAMED_MARK '\x1e'

void log_open(const char *role, enum log_level level, enum log_format format); /* role is kept, not copied */
void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
enum log_format log_format(void);
void log_set_task(const char *task_id); /* copied (cut at 63 bytes); NULL = none */
bool log_is_on(enum log_level level);
enum log_level log_level_of(
    const char *name); /* "debug" "info" "warning" "error" "critical", any case; else LOG_INFO */

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An event with named values: as JSON they are members of the line's object beside "message", as text they follow it as
 * name=value (in JSON quotes where they hold more than plain words). Names are literals of [a-z_], other than time,
 * level, role, pid, task_id and message. Texts are cut at LOG_FIELD_BYTES, and shorter when the line gets too long, so
 * that it always is one whole object. A text that is NULL leaves its field out. */
#define LOG_FIELD_BYTES 512
enum log_field_kind { LOG_FIELD_TEXT, LOG_FIELD_INT, LOG_FIELD_REAL };
struct log_field {
    const char *name;
    enum log_field_kind kind;
    union {
        const char *text;
        long long integer;
        double real; /* three decimals; finite */
    };
};
void log_event(enum log_level level, const char *message, const struct log_field *fields, unsigned count);
/* Finished lines (with their "\n") go to fn instead of standard error; NULL = standard error again. For a process whose
 * log must not be written by itself, because it never blocks (the supervisor). */
typedef void (*log_sink_fn)(const char *line, unsigned len);
void log_set_sink(log_sink_fn fn);

/* Frames a line on behalf of somebody else (the supervisor for its children): writes the finished line with "\n" to out
 * and returns its length, at most size - 1. text is len bytes without a line end. */
int log_frame(char *out, unsigned size, enum log_level level, const char *role, int pid, const char *text,
              unsigned len);

#define log_debug(...)                                                                                                 \
    do {                                                                                                               \
        if (log_is_on(LOG_DEBUG)) log_write(LOG_DEBUG, __VA_ARGS__);                                                   \
    } while (0)
#define log_info(...)     log_write(LOG_INFO, __VA_ARGS__)
#define log_warning(...)  log_write(LOG_WARNING, __VA_ARGS__)
#define log_error(...)    log_write(LOG_ERROR, __VA_ARGS__)
#define log_critical(...) log_write(LOG_CRITICAL, __VA_ARGS__)

#endif
