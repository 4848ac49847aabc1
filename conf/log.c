/* Logging: see log.h. One line is built in a fixed buffer on the stack and leaves with one write(2). */
#include "conf/log.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "conf/buf.h"
#include "conf/clock.h"

static struct {
    const char *role;
    enum log_level level;
    enum log_format format;
    bool is_supervised;
    char task[64];
    unsigned long lost;
    log_sink_fn sink;
} logger = {.role = "logikald", .level = LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warning", "error", "critical"};

void log_open(const char *role, enum log_level level, enum log_format format)
{
    const char *supervised = getenv("LOGIKALD_SUPERVISED");
    logger.role = role;
    logger.level = level;
    logger.format = format;
    logger.is_supervised = supervised && strcmp(supervised, "1") == 0;
}

void log_set_level(enum log_level level)
{
    logger.level = level;
}

void log_set_format(enum log_format format)
{
    logger.format = format;
}

void log_set_task(const char *task_id)
{
    snprintf(logger.task, sizeof logger.task, "%s", task_id ? task_id : "");
}

void log_set_sink(log_sink_fn fn)
{
    logger.sink = fn;
}

bool log_is_on(enum log_level level)
{
    return level >= logger.level;
}

enum log_level log_level_of(const char *name)
{
    for (int i = LOG_DEBUG; i <= LOG_CRITICAL; i++)
        if (strcasecmp(name, level_names[i]) == 0) return (enum log_level)i;
    return strcasecmp(name, "warn") == 0 ? LOG_WARNING : LOG_INFO;
}

const char *log_level_name(enum log_level level)
{
    return level <= LOG_CRITICAL ? level_names[level] : "unknown";
}

static void frame_json(struct buf *b, enum log_level level, const char *role, int pid, const char *task,
                       const char *text, size_t len)
{
    char time[CLOCK_TEXT_SIZE];
    buf_printf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"role\":", clock_iso_ms(wall_ms(), time), log_level_name(level));
    buf_json_string(b, role, strlen(role));
    buf_printf(b, ",\"pid\":%d", pid);
    if (task[0]) {
        buf_str(b, ",\"task_id\":");
        buf_json_string(b, task, strlen(task));
    }
    buf_str(b, ",\"message\":");
    buf_json_string(b, text, len);
    buf_str(b, "}\n");
}

static void frame_text(struct buf *b, enum log_level level, const char *role, int pid, const char *task,
                       const char *text, size_t len)
{
    char time[CLOCK_TEXT_SIZE];
    buf_printf(b, "%s %-8s %s[%d]", clock_iso_ms(wall_ms(), time), log_level_name(level), role, pid);
    if (task[0]) buf_printf(b, " task=%s", task);
    buf_str(b, ": ");
    size_t start = b->len;
    buf_add(b, text, len);
    for (size_t i = start; i < b->len; i++) /* one event is one line, whatever the text holds */
        if ((unsigned char)b->data[i] < 0x20 && b->data[i] != '\t') b->data[i] = ' ';
    buf_char(b, '\n');
}

/* A finished line of at most size - 1 bytes; text is shortened until it fits. */
static int frame(char *out, unsigned size, enum log_level level, const char *role, int pid, const char *task,
                 const char *text, size_t len)
{
    for (;;) {
        struct buf b = {.limit_bytes = size - 1};
        (logger.format == LOG_JSON ? frame_json : frame_text)(&b, level, role, pid, task, text, len);
        if (!b.failed) {
            int n = (int)b.len;
            memcpy(out, b.data, b.len + 1);
            buf_free(&b);
            return n;
        }
        buf_free(&b);
        if (len < 16) return 0;
        len = len * 3 / 4;
    }
}

int log_frame(char *out, unsigned size, enum log_level level, const char *role, int pid, const char *text, unsigned len)
{
    return frame(out, size, level, role, pid, "", text, len);
}

static void emit(enum log_level level, const char *text, size_t len)
{
    char line[PIPE_BUF];
    line[0] = LOG_FRAMED_MARK;
    int n = frame(line + 1, sizeof line - 1, level, logger.role, (int)getpid(), logger.task, text, len);
    if (logger.sink) {
        logger.sink(line + 1, (unsigned)n);
        return;
    }
    const char *start = logger.is_supervised ? line : line + 1;
    size_t total = (size_t)n + (logger.is_supervised ? 1 : 0);
    ssize_t w;
    do {
        w = write(STDERR_FILENO, start, total);
    } while (w < 0 && errno == EINTR);
    if (w < 0) logger.lost++;
}

void log_write(enum log_level level, const char *fmt, ...)
{
    if (!log_is_on(level)) return;
    int saved = errno;
    char text[3072];
    if (logger.lost) {
        unsigned long lost = logger.lost;
        logger.lost = 0;
        int k = snprintf(text, sizeof text, "%lu log lines lost: the log could not be written", lost);
        emit(LOG_WARNING, text, (size_t)k);
    }
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof text) {
        n = (int)sizeof text - 1;
        memcpy(text + n - 6, " [cut]", 6);
    }
    if (n >= 0) emit(level, text, (size_t)n);
    errno = saved;
}
