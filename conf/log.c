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

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/text/utf8.h"

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

enum log_format log_format(void)
{
    return logger.format;
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

static const char *log_level_name(enum log_level level)
{
    return level <= LOG_CRITICAL ? level_names[level] : "unknown";
}

/* What a line is made of. */
struct event {
    enum log_level level;
    const char *role, *task, *text;
    int pid;
    size_t len;
    const struct log_field *fields;
    unsigned count;
    size_t field_bytes; /* texts of fields are cut here */
};

static void add_number(struct buf *b, const struct log_field *f)
{
    if (f->kind == LOG_FIELD_INT)
        buf_printf(b, "%lld", f->integer);
    else
        buf_printf(b, "%.3f", f->real);
}

static void frame_json(struct buf *b, const struct event *e)
{
    char time[CLOCK_TEXT_SIZE];
    buf_printf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"role\":", clock_iso_ms(wall_ms(), time),
               log_level_name(e->level));
    buf_json_string(b, e->role, strlen(e->role));
    buf_printf(b, ",\"pid\":%d", e->pid);
    if (e->task[0]) {
        buf_str(b, ",\"task_id\":");
        buf_json_string(b, e->task, strlen(e->task));
    }
    buf_str(b, ",\"message\":");
    buf_json_string(b, e->text, e->len);
    for (unsigned i = 0; i < e->count; i++) {
        const struct log_field *f = &e->fields[i];
        if (f->kind == LOG_FIELD_TEXT && !f->text) continue;
        buf_printf(b, ",\"%s\":", f->name);
        if (f->kind == LOG_FIELD_TEXT)
            buf_json_string(b, f->text, utf8_cut(f->text, e->field_bytes));
        else
            add_number(b, f);
    }
    buf_str(b, "}\n");
}

/* A text that could be taken for something else stands in quotes. */
static void add_text_value(struct buf *b, const char *text, size_t len)
{
    bool is_plain = len > 0;
    for (size_t i = 0; i < len; i++) is_plain = is_plain && text[i] > ' ' && !strchr("\"=\\\x7f", text[i]);
    if (is_plain)
        buf_add(b, text, len);
    else
        buf_json_string(b, text, len);
}

static void frame_text(struct buf *b, const struct event *e)
{
    char time[CLOCK_TEXT_SIZE];
    buf_printf(b, "%s %-8s %s[%d]", clock_iso_ms(wall_ms(), time), log_level_name(e->level), e->role, e->pid);
    if (e->task[0]) buf_printf(b, " task=%s", e->task);
    buf_str(b, ": ");
    size_t start = b->len;
    buf_add(b, e->text, e->len);
    for (size_t i = start; i < b->len; i++) /* one event is one line, whatever the text holds */
        if (((unsigned char)b->data[i] < 0x20 && b->data[i] != '\t') || b->data[i] == 0x7f) b->data[i] = ' ';
    for (unsigned i = 0; i < e->count; i++) {
        const struct log_field *f = &e->fields[i];
        if (f->kind == LOG_FIELD_TEXT && !f->text) continue;
        buf_printf(b, " %s=", f->name);
        if (f->kind == LOG_FIELD_TEXT)
            add_text_value(b, f->text, utf8_cut(f->text, e->field_bytes));
        else
            add_number(b, f);
    }
    buf_char(b, '\n');
}

/* A finished line of at most size - 1 bytes; texts are shortened until it fits. */
static int frame(char *out, unsigned size, struct event e)
{
    for (;;) {
        struct buf b = {.data = out, .cap = size, .is_fixed = true}; /* "no memory" is logged as well */
        (logger.format == LOG_JSON ? frame_json : frame_text)(&b, &e);
        if (!b.failed) return (int)b.len;
        if (e.len < 16 && (e.count == 0 || e.field_bytes < 4)) return 0;
        if (e.len >= 16) e.len = e.len * 3 / 4;
        e.field_bytes = e.field_bytes * 3 / 4;
    }
}

int log_frame(char *out, unsigned size, enum log_level level, const char *role, int pid, const char *text, unsigned len)
{
    return frame(out, size,
                 (struct event){.level = level, .role = role, .pid = pid, .task = "", .text = text, .len = len});
}

static void emit(struct event e)
{
    char line[PIPE_BUF];
    line[0] = LOG_FRAMED_MARK;
    e.role = logger.role;
    e.task = logger.task;
    e.pid = (int)getpid();
    e.field_bytes = LOG_FIELD_BYTES;
    int n = frame(line + 1, sizeof line - 1, e);
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

static void tell_lost(void)
{
    char text[96];
    if (!logger.lost) return;
    int n = snprintf(text, sizeof text, "%lu log lines lost: the log could not be written", logger.lost);
    logger.lost = 0;
    emit((struct event){.level = LOG_WARNING, .text = text, .len = (size_t)n});
}

void log_write(enum log_level level, const char *fmt, ...)
{
    if (!log_is_on(level)) return;
    int saved = errno;
    char text[3072];
    tell_lost();
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof text) {
        n = (int)sizeof text - 1;
        memcpy(text + n - 6, " [cut]", 6);
    }
    if (n >= 0) emit((struct event){.level = level, .text = text, .len = (size_t)n});
    errno = saved;
}

void log_event(enum log_level level, const char *message, const struct log_field *fields, unsigned count)
{
    if (!log_is_on(level)) return;
    int saved = errno;
    tell_lost();
    emit((struct event){
        .level = level, .text = message, .len = utf8_cut(message, LOG_FIELD_BYTES), .fields = fields, .count = count});
    errno = saved;
}
