/* What a worker and its runner processes say to each other: frames over a socket, and a page of shared memory for what
 * must be seen at once and for the frames of finished tasks (a ring). */
#ifndef LOGIKALD_SERVICES_RUNNER_WIRE_H
#define LOGIKALD_SERVICES_RUNNER_WIRE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/text/buf.h"

#define RING_BYTES 65536 /* a power of two; a window of short tasks has room */

/* Shared with the runner process. word holds two numbers in one atomic, because each decides about the other: in its
 * upper half the highest sequence number that may start, in its lower half the last one that was started. The runner
 * starts a task by raising the lower half, which fails when the upper one has been lowered meanwhile; the worker takes
 * back what waits in a runner by lowering the upper half to the lower one, and knows by the same exchange what had
 * begun. With two words, or a message to take back, a task could be started and taken back at once, and run twice. What
 * was taken back is skipped (numbers up to dead). */
struct runner_shared {
    _Atomic uint64_t word;
    _Atomic uint32_t dead;
    _Atomic uint32_t cancelled; /* this number is asked to stop */
    _Atomic int64_t started_us; /* monotonic, of the last one started */
    _Atomic bool has_listeners; /* somebody listens to events: make their texts */
    /* Finished tasks, as frames one behind the other: written by the runner, read by the worker. Positions only grow.
     */
    _Atomic uint32_t ring_written, ring_read;
    _Atomic bool is_rung; /* the worker has been told by a RING frame and has not looked yet */
    char ring[RING_BYTES];
} __attribute__((aligned(4096)));

/* The two halves of runner_shared.word. */
static inline uint32_t word_limit(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static inline uint32_t word_started(uint64_t word)
{
    return (uint32_t)word;
}

static inline uint64_t word_of(uint32_t limit, uint32_t started)
{
    return (uint64_t)limit << 32 | started;
}

enum wire_type { WIRE_RUN = 1, WIRE_DONE, WIRE_PROGRESS, WIRE_SEND, WIRE_RING, WIRE_SET, WIRE_KEY, WIRE_PARTS };
enum wire_status {
    RAN_OK,
    RAN_UNSUCCESSFUL, /* came to its end, and its result says success: false */
    RAN_FAILED,
    RAN_RETRY,
    RAN_CANCELLED,
    RAN_MALFORMED
};
#define WIRE_TEXTS 8
#define WIRE_LIMIT (128u << 20)
struct wire {
    uint32_t type, seq;
    int32_t status, retries, deliveries, flags;
    int64_t run_us, delay_ms;     /* run time; before the next try */
    const char *text[WIRE_TEXTS]; /* NUL-terminated; NULL = absent */
    uint32_t len[WIRE_TEXTS];
};
bool wire_put(struct buf *out, const struct wire *frame); /* len of 0 with a text means strlen */
/* A whole frame at the front of bytes: its size, 0 = not there yet, -1 = malformed. Texts point into bytes. */
int64_t wire_take(const char *bytes, size_t len, struct wire *out);
int64_t wire_size(const char *bytes, size_t len); /* of the frame that begins here; 0 = not known yet, -1 = malformed */

/* Puts a finished frame into the ring; false when it does not fit (then it goes by the socket). */
bool ring_put(struct runner_shared *shared, const char *frame, size_t size);
/* The next frame's bytes into out; false when there is none (or the ring was scribbled over: then it is emptied). */
bool ring_take(struct runner_shared *shared, struct buf *out);

/* Texts of a RUN frame; its status is how the body is packed (enum packing) */
enum { RUN_ID, RUN_NAME, RUN_QUEUE, RUN_ROOT, RUN_BODY, RUN_GROUP, RUN_PARENT, RUN_CANVAS };
/* Texts of a DONE frame: the result object as stored; for monitors the repr of the value or exception; traceback; error
 * text; then follow-ups as a block of frames: SEND (a message to a list), SET (a value that is kept as long as a
 * result), and what finish.lua does for its chord: KEY (text 0: a key), each with the next number, then PARTS (text 0:
 * see chord.c) */
enum { DONE_JSON, DONE_REPR, DONE_TRACEBACK, DONE_ERROR, DONE_SENDS };
enum { SEND_LIST, SEND_MESSAGE };

#endif
