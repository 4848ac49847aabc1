/* A connected stream socket on an event loop, at the price of as few calls to the kernel as there can be. What is
 * written in a turn of the loop leaves together at the turn's end; only what the kernel does not take then is waited
 * for. What comes is read without asking beforehand how much it is.
 *
 * For what is spoken in the clear; TLS has libevent's bufferevents. */
#ifndef LOGIKALD_IPC_STREAM_H
#define LOGIKALD_IPC_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <event2/event.h>

struct stream;

/* What came; the bytes are gone afterwards. May call stream_free. */
typedef void (*stream_bytes_fn)(void *arg, const char *bytes, size_t len);
/* Nothing more comes or goes: 0 = the other side has closed it, else an errno. All that came before has been handed
 * over, also when it was the writing that failed. Called once, from the event loop. May call stream_free. */
typedef void (*stream_end_fn)(void *arg, int error);

/* fd is the stream's from here on, and is made non-blocking. NULL without memory: then it is closed. */
struct stream *stream_new(struct event_base *base, int fd, stream_bytes_fn on_bytes, stream_end_fn on_end, void *arg);
/* Closes it; what waits to be sent is dropped. May be called from its callbacks. NULL is fine. */
void stream_free(struct stream *s);

/* Copies the bytes. What is written to a stream that is at its end goes nowhere. Without memory the stream ends. */
void stream_write(struct stream *s, const void *bytes, size_t len);
void stream_flush(
    struct stream *s); /* sends what has been written now: somebody waits for it, and more is to be done */
size_t stream_unsent(const struct stream *s); /* bytes that the kernel has not taken */
int stream_fd(const struct stream *s);        /* still the stream's; to shut a side of it down */

#endif
