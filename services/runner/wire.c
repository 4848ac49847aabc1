/* Frames between the worker and its runners: a fixed head, then the texts, each with a NUL behind it. Both ends are the
 * same program on the same machine; sizes are checked anyway, for a runner may have been scribbled over by its task.
 *
 * What runners have finished comes through a ring in shared memory, with one small frame on the socket to say so: while
 * the worker is busy many tasks end at the price of no system call. */
#include "services/runner/wire.h"

#include <string.h>

struct wire_head {
    uint32_t size, type, seq;
    int32_t status, retries, deliveries, flags;
    int64_t run_us, delay_ms;
    uint32_t len[WIRE_TEXTS]; /* UINT32_MAX = absent */
};

bool wire_put(struct buf *out, const struct wire *frame)
{
    struct wire_head head = {.type = frame->type,
                             .seq = frame->seq,
                             .status = frame->status,
                             .retries = frame->retries,
                             .deliveries = frame->deliveries,
                             .flags = frame->flags,
                             .run_us = frame->run_us,
                             .delay_ms = frame->delay_ms};
    uint64_t size = sizeof head;
    for (int i = 0; i < WIRE_TEXTS; i++) {
        const char *text = frame->text[i];
        head.len[i] = !text ? UINT32_MAX : frame->len[i] ? frame->len[i] : (uint32_t)strlen(text);
        if (text) size += (uint64_t)head.len[i] + 1;
    }
    if (size > WIRE_LIMIT) return false;
    head.size = (uint32_t)size;
    if (!buf_reserve(out, size)) return false;
    buf_add(out, &head, sizeof head);
    for (int i = 0; i < WIRE_TEXTS; i++)
        if (frame->text[i]) {
            buf_add(out, frame->text[i], head.len[i]);
            buf_char(out, '\0');
        }
    return !out->failed;
}

int64_t wire_size(const char *bytes, size_t len)
{
    uint32_t size;
    if (len < sizeof size) return 0;
    memcpy(&size, bytes, sizeof size);
    return size >= sizeof(struct wire_head) && size <= WIRE_LIMIT ? (int64_t)size : -1;
}

int64_t wire_take(const char *bytes, size_t len, struct wire *out)
{
    struct wire_head head;
    int64_t size = wire_size(bytes, len);
    if (size <= 0) return size;
    if (len < (size_t)size) return 0;
    memcpy(&head, bytes, sizeof head);
    *out = (struct wire){.type = head.type,
                         .seq = head.seq,
                         .status = head.status,
                         .retries = head.retries,
                         .deliveries = head.deliveries,
                         .flags = head.flags,
                         .run_us = head.run_us,
                         .delay_ms = head.delay_ms};
    size_t at = sizeof head;
    for (int i = 0; i < WIRE_TEXTS; i++) {
        if (head.len[i] == UINT32_MAX) continue;
        if (head.len[i] >= (size_t)size - at || bytes[at + head.len[i]] != '\0') return -1;
        out->text[i] = bytes + at;
        out->len[i] = head.len[i];
        at += (size_t)head.len[i] + 1;
    }
    return at == (size_t)size ? size : -1;
}

static void copy_in(struct runner_shared *s, uint32_t at, const char *bytes, size_t len)
{
    size_t offset = at % RING_BYTES, first = RING_BYTES - offset < len ? RING_BYTES - offset : len;
    memcpy(s->ring + offset, bytes, first);
    memcpy(s->ring, bytes + first, len - first);
}

static void copy_out(struct runner_shared *s, uint32_t at, char *bytes, size_t len)
{
    size_t offset = at % RING_BYTES, first = RING_BYTES - offset < len ? RING_BYTES - offset : len;
    memcpy(bytes, s->ring + offset, first);
    memcpy(bytes + first, s->ring, len - first);
}

bool ring_put(struct runner_shared *s, const char *frame, size_t size)
{
    uint32_t written = atomic_load(&s->ring_written), used = written - atomic_load(&s->ring_read);
    if (used > RING_BYTES || size > RING_BYTES - used) return false;
    copy_in(s, written, frame, size);
    atomic_store(&s->ring_written, written + (uint32_t)size);
    return true;
}

bool ring_take(struct runner_shared *s, struct buf *out)
{
    uint32_t read = atomic_load(&s->ring_read), used = atomic_load(&s->ring_written) - read, size = 0;
    if (used == 0) return false;
    bool is_fine = used <= RING_BYTES && used >= sizeof size;
    if (is_fine) copy_out(s, read, (char *)&size, sizeof size);
    buf_reset(out);
    is_fine = is_fine && size >= sizeof(struct wire_head) && size <= used && buf_reserve(out, size);
    if (!is_fine) {
        atomic_store(&s->ring_read, read + used);
        return false;
    }
    copy_out(s, read, out->data, size);
    out->len = size;
    atomic_store(&s->ring_read, read + size);
    return true;
}
