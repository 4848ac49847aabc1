/* The supervisor's end of a child's standard output or error: bytes in, lines out. See log_stream.h. */
#include "supervisor/log/log_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES   16384
#define CHUNKS_A_TURN 4
#define CHUNKS_DRAIN  64 /* a pipe holds 64 KiB; a writer that lives on is read by the loop */

static void hold(struct log_stream *s, const char *text, size_t len)
{
    if (!s->line) s->line = malloc(LOG_STREAM_LINE_BYTES);
    if (!s->line) {
        s->fn(s->arg, text, len, true); /* no memory to wait for the rest */
        return;
    }
    memcpy(s->line + s->len, text, len);
    s->len += len;
}

static void give_held(struct log_stream *s, bool is_cut)
{
    s->fn(s->arg, s->line, s->len, is_cut);
    s->len = 0;
}

/* Takes one piece of a line; is_end: its line end follows. */
static void take(struct log_stream *s, const char *text, size_t len, bool is_end)
{
    while (len > 0 || is_end) {
        size_t room = LOG_STREAM_LINE_BYTES - s->len;
        size_t part = len < room ? len : room;
        bool is_rest = part == len;
        if (s->len == 0 && ((is_rest && is_end) || part == LOG_STREAM_LINE_BYTES)) {
            s->fn(s->arg, text, part, !(is_rest && is_end));
        } else {
            hold(s, text, part);
            if (is_rest && is_end)
                give_held(s, false);
            else if (s->len == LOG_STREAM_LINE_BYTES)
                give_held(s, true);
        }
        text += part;
        len -= part;
        if (is_rest) break;
    }
    if (is_end && s->line) {
        free(s->line);
        s->line = NULL;
    }
}

static void take_bytes(struct log_stream *s, const char *bytes, size_t len)
{
    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        size_t part = end ? (size_t)(end - bytes) : len;
        take(s, bytes, part, end != NULL);
        bytes += part + (end ? 1 : 0);
        len -= part + (end ? 1 : 0);
    }
}

static void read_chunks(struct log_stream *s, int chunks)
{
    static char chunk[CHUNK_BYTES];
    for (int i = 0; i < chunks && s->fd >= 0; i++) {
        ssize_t n = read(s->fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            log_stream_close(s);
            return;
        }
        take_bytes(s, chunk, (size_t)n);
        if ((size_t)n < sizeof chunk) return;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    read_chunks(arg, CHUNKS_A_TURN);
}

int log_stream_open(struct log_stream *s, struct event_base *base, int fd, log_stream_fn fn, void *arg)
{
    *s = (struct log_stream){.fd = fd, .fn = fn, .arg = arg};
    s->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, s);
    if (s->readable && event_add(s->readable, NULL) == 0) return 0;
    if (s->readable) event_free(s->readable);
    close(fd);
    s->readable = NULL;
    s->fd = -1;
    return -1;
}

void log_stream_begun(struct log_stream *s, const char *text, size_t len)
{
    if (s->fd >= 0 && s->len == 0 && len > 0 && len < LOG_STREAM_LINE_BYTES) hold(s, text, len);
}

void log_stream_drain(struct log_stream *s)
{
    read_chunks(s, CHUNKS_DRAIN);
}

void log_stream_close(struct log_stream *s)
{
    if (s->fd < 0) return;
    if (s->len > 0) give_held(s, false);
    free(s->line);
    event_free(s->readable);
    close(s->fd);
    *s = (struct log_stream){.fd = -1};
}
