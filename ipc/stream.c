/* Streams: see stream.h. An event that nobody but ourselves activates runs behind all others of the same turn, and
 * sends what they have written; the one for "there is room" is added only while the kernel has none. */
#include "ipc/stream.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/socket.h>
#include <event2/util.h>

#include "conf/text/buf.h"

#define READ_BYTES 65536
#define READS_MAX  64        /* in one turn; the others have theirs, too */
#define KEPT_BYTES (1 << 20) /* of memory, while there is nothing to send */

struct stream {
    int fd;
    struct event *readable, *writable, *turn_end;
    struct buf out;
    size_t sent; /* of out */
    stream_bytes_fn on_bytes;
    stream_end_fn on_end;
    void *arg;
    int error;    /* of writing: told once all that came has been read */
    bool is_full; /* the kernel takes no more; writable is pending */
    bool is_over; /* its end has been told */
    bool is_busy; /* one of the owner's callbacks is on the stack */
    bool is_freed;
};

static bool may_be_tried_again(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static void out_done(struct stream *s)
{
    s->sent = 0;
    if (s->out.cap > KEPT_BYTES)
        buf_free(&s->out);
    else
        buf_reset(&s->out);
}

/* ---- writing ---- */

/* Its end is told by the reader, which knows what has come before it. */
static void fail(struct stream *s, int error)
{
    s->error = error;
    out_done(s);
    event_del(s->writable);
    event_active(s->readable, EV_READ, 0);
}

static void wait_for_room(struct stream *s)
{
    if (s->sent > s->out.len / 2) {
        buf_consume(&s->out, s->sent);
        s->sent = 0;
    }
    if (!s->is_full && event_add(s->writable, NULL) != 0)
        fail(s, ENOMEM);
    else
        s->is_full = true;
}

static void send_out(struct stream *s)
{
    size_t left = stream_unsent(s);
    if (left == 0 || s->error || s->is_over) return;
    ssize_t n = send(s->fd, s->out.data + s->sent, left, MSG_NOSIGNAL);
    if (n < 0 && !may_be_tried_again(errno)) {
        fail(s, errno);
        return;
    }
    if (n > 0) s->sent += (size_t)n;
    if (n < (ssize_t)left) {
        wait_for_room(s);
        return;
    }
    if (s->is_full) event_del(s->writable);
    s->is_full = false;
    out_done(s);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    send_out(arg);
}

void stream_flush(struct stream *s)
{
    if (!s->is_full) send_out(s);
}

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    stream_flush(arg);
}

void stream_write(struct stream *s, const void *bytes, size_t len)
{
    if (s->error || s->is_over) return;
    if (!buf_add(&s->out, bytes, len))
        fail(s, ENOMEM);
    else if (!s->is_full)
        event_active(s->turn_end, EV_TIMEOUT, 0);
}

size_t stream_unsent(const struct stream *s)
{
    return s->out.len - s->sent;
}

int stream_fd(const struct stream *s)
{
    return s->fd;
}

/* ---- reading ---- */

static void release(struct stream *s)
{
    buf_free(&s->out);
    if (s->readable) event_free(s->readable);
    if (s->writable) event_free(s->writable);
    if (s->turn_end) event_free(s->turn_end);
    free(s);
}

/* All that is there, or much of it: then true, and the rest comes in the next turn. error: 0 = it is at its end. */
static bool read_much(struct stream *s, int *error)
{
    static char bytes[READ_BYTES];
    *error = EAGAIN;
    for (int i = 0; i < READS_MAX; i++) {
        ssize_t n = read(s->fd, bytes, sizeof bytes);
        if (n <= 0) *error = n < 0 ? errno : 0;
        if (n > 0) s->on_bytes(s->arg, bytes, (size_t)n);
        if (s->is_freed || n < (ssize_t)sizeof bytes) return false;
    }
    return true;
}

static void tell_end(struct stream *s, int error)
{
    s->is_over = true;
    event_del(s->readable);
    event_del(s->writable);
    s->on_end(s->arg, error);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct stream *s = arg;
    int error;
    if (s->is_over) return;
    s->is_busy = true;
    bool has_more = read_much(s, &error);
    if (!s->is_freed && !may_be_tried_again(error))
        tell_end(s, error);
    else if (!s->is_freed && s->error && has_more)
        event_active(s->readable, EV_READ, 0);
    else if (!s->is_freed && s->error)
        tell_end(s, s->error);
    s->is_busy = false;
    if (s->is_freed) release(s);
}

/* ---- life ---- */

struct stream *stream_new(struct event_base *base, int fd, stream_bytes_fn on_bytes, stream_end_fn on_end, void *arg)
{
    struct stream *s = calloc(1, sizeof *s);
    if (s) {
        *s = (struct stream){.fd = fd, .on_bytes = on_bytes, .on_end = on_end, .arg = arg};
        s->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, s);
        s->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, s);
        s->turn_end = event_new(base, -1, 0, on_turn_end, s);
        if (s->readable && s->writable && s->turn_end && evutil_make_socket_nonblocking(fd) == 0 &&
            event_add(s->readable, NULL) == 0)
            return s;
        release(s);
    }
    close(fd);
    return NULL;
}

void stream_free(struct stream *s)
{
    if (!s || s->is_freed) return;
    s->is_freed = true;
    event_del(s->readable);
    event_del(s->writable);
    event_del(s->turn_end);
    close(s->fd);
    s->fd = -1;
    if (!s->is_busy) release(s);
}
