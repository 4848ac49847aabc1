/* The supervisor's end of a child's standard output or error: bytes in, lines out. A line longer than the limit comes
 * in pieces, each but the last marked as cut. Reads a bounded amount at a time, so that a loud child does not keep the
 * others waiting. */
#ifndef LOGIKALD_SUPERVISOR_LOG_LOG_STREAM_H
#define LOGIKALD_SUPERVISOR_LOG_LOG_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <event2/event.h>

#define LOG_STREAM_LINE_BYTES 4096

/* text is not NUL-terminated and has no line end. is_cut: the line goes on in the next call. */
typedef void (*log_stream_fn)(void *arg, const char *text, size_t len, bool is_cut);

struct log_stream {
    int fd; /* -1 = closed */
    struct event *readable;
    char *line; /* a begun line, or NULL */
    size_t len;
    log_stream_fn fn;
    void *arg;
};

/* Reads fd (a non-blocking read end; owned from now on) until its end. 0, or -1 without memory (fd is closed). */
int log_stream_open(struct log_stream *s, struct event_base *base, int fd, log_stream_fn fn, void *arg);
void log_stream_begun(struct log_stream *s, const char *text, size_t len); /* the begun line of a reader before us */
void log_stream_drain(struct log_stream *s);                               /* reads what is there now */
void log_stream_close(struct log_stream *s); /* gives out a begun line and closes; harmless when closed */

#endif
