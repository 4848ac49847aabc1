/* The log's last hop: see log_sink.h. */
#include "supervisor/log/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/log.h"

#define KEEP_BYTES 65536 /* a buffer that grew beyond this is released when it is empty */

enum sink_kind {
    SINK_STREAM, /* non-blocking by itself */
    SINK_FILE,   /* regular: always writable */
    SINK_SOCKET, /* non-blocking by flag of each call */
    SINK_SHARED, /* a blocking descriptor shared with others: asked by poll before each small write */
};

struct log_sink {
    struct event_base *base;
    struct event *writable, *soon;
    enum sink_kind kind;
    int fd;
    char *path; /* NULL = standard output */
    int64_t size_bytes, rotate_bytes;
    int keep;
    struct buf pending;
    size_t start;          /* of what is still to be written */
    int64_t dropped, told; /* lines, and of how many it stands in the log */
    int64_t telling;       /* of how many a notice is pending; 0 = none is */
    size_t telling_end;    /* where it ends in pending */
};

static void try_write(struct log_sink *s);

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    try_write(arg);
}

static int use(struct log_sink *s, int fd, enum sink_kind kind)
{
    struct event *writable = event_new(s->base, fd, EV_WRITE, on_writable, s);
    if (!writable) return -1;
    if (s->writable) event_free(s->writable);
    if (s->fd >= 0) close(s->fd);
    s->writable = writable;
    s->fd = fd;
    s->kind = kind;
    return 0;
}

/* Standard output is shared with whoever started us, so its flags are left alone: a pipe or terminal is opened anew
 * through /proc to have a description of our own. */
static int use_stdout(struct log_sink *s)
{
    struct stat st;
    enum sink_kind kind = SINK_SHARED;
    int fd = -1;
    if (fstat(STDOUT_FILENO, &st) == 0) {
        if (S_ISREG(st.st_mode)) kind = SINK_FILE;
        if (S_ISSOCK(st.st_mode)) kind = SINK_SOCKET;
        if (kind == SINK_SHARED) {
            fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_APPEND | O_NOCTTY | O_CLOEXEC);
            if (fd >= 0) kind = SINK_STREAM;
        }
        if (fd < 0) fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    }
    if (fd < 0) {
        fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        kind = SINK_FILE;
    }
    if (fd < 0) return -1;
    s->size_bytes = 0;
    int rc = use(s, fd, kind);
    if (rc != 0) close(fd);
    return rc;
}

static int use_file(struct log_sink *s, const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        err_errno(err, "log.file %s", path);
        if (err) err->code = ERR_CONFIG; /* it is what the operator has said */
        if (fd >= 0) close(fd);
        return -ERR_CONFIG;
    }
    if (use(s, fd, S_ISREG(st.st_mode) ? SINK_FILE : SINK_STREAM) != 0) {
        close(fd);
        return err_set(err, ERR_NOMEM, "no memory to log to %s", path);
    }
    s->size_bytes = st.st_size;
    return 0;
}

struct log_sink *log_sink_new(struct event_base *base)
{
    struct log_sink *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->base = base;
    s->fd = -1;
    buf_init(&s->pending, LOG_SINK_LIMIT_BYTES);
    s->soon = event_new(base, -1, 0, on_writable, s);
    if (s->soon && use_stdout(s) == 0) return s;
    log_sink_free(s);
    return NULL;
}

void log_sink_free(struct log_sink *s)
{
    if (!s) return;
    if (s->soon) event_free(s->soon);
    if (s->writable) event_free(s->writable);
    if (s->fd >= 0) close(s->fd);
    buf_free(&s->pending);
    free(s->path);
    free(s);
}

int log_sink_configure(struct log_sink *s, const struct conf *conf, struct err *err)
{
    const char *path = conf_str(conf, SET_LOG_FILE);
    s->rotate_bytes = conf_int(conf, SET_LOG_ROTATE);
    s->keep = (int)conf_int(conf, SET_LOG_KEEP);
    if (strcmp(path, s->path ? s->path : "") == 0) return 0;
    char *copy = NULL;
    if (*path) {
        copy = strdup(path);
        if (!copy) return err_set(err, ERR_NOMEM, "no memory to log to %s", path);
        int rc = use_file(s, path, err);
        if (rc != 0) {
            free(copy);
            return rc;
        }
    } else if (use_stdout(s) != 0) {
        return err_errno(err, "standard output cannot be logged to");
    }
    free(s->path);
    s->path = copy;
    return 0;
}

int log_sink_check(const struct log_sink *s, const struct conf *conf, struct err *err)
{
    const char *path = conf_str(conf, SET_LOG_FILE);
    if (!*path || strcmp(path, s->path ? s->path : "") == 0) return 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (fd < 0) {
        err_errno(err, "log.file %s", path);
        if (err) err->code = ERR_CONFIG;
        return -ERR_CONFIG;
    }
    close(fd);
    return 0;
}

int log_sink_fd(const struct log_sink *s)
{
    return s->path ? s->fd : -1;
}

int log_sink_adopt(struct log_sink *s, int fd, const struct conf *conf, struct err *err)
{
    struct stat st;
    char *path = strdup(conf_str(conf, SET_LOG_FILE));
    if (!path || fstat(fd, &st) != 0 || use(s, fd, S_ISREG(st.st_mode) ? SINK_FILE : SINK_STREAM) != 0) {
        free(path);
        return err_set(err, ERR_SYSTEM, "the log that was open cannot be used any more");
    }
    s->size_bytes = st.st_size;
    s->rotate_bytes = conf_int(conf, SET_LOG_ROTATE);
    s->keep = (int)conf_int(conf, SET_LOG_KEEP);
    free(s->path);
    s->path = path;
    return 0;
}

int log_sink_reopen(struct log_sink *s, struct err *err)
{
    return s->path ? use_file(s, s->path, err) : 0;
}

/* path.2 -> path.3, path.1 -> path.2, path -> path.1; the oldest goes. */
static void rotate(struct log_sink *s)
{
    char from[PATH_MAX], to[PATH_MAX];
    for (int i = s->keep; i >= 1; i--) {
        snprintf(to, sizeof to, "%s.%d", s->path, i);
        if (i == 1)
            snprintf(from, sizeof from, "%s", s->path);
        else
            snprintf(from, sizeof from, "%s.%d", s->path, i - 1);
        rename(from, to);
    }
    if (s->keep == 0) unlink(s->path);
    if (use_file(s, s->path, NULL) != 0) s->size_bytes = 0; /* goes on in the old one until the next time */
}

static ssize_t write_some(struct log_sink *s, const char *data, size_t len)
{
    if (s->kind == SINK_SOCKET) return send(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (s->kind == SINK_SHARED) {
        struct pollfd p = {.fd = s->fd, .events = POLLOUT};
        if (poll(&p, 1, 0) == 0) {
            errno = EAGAIN;
            return -1;
        }
        if (len > PIPE_BUF) len = PIPE_BUF;
    }
    return write(s->fd, data, len);
}

static void emptied(struct log_sink *s)
{
    s->start = 0;
    if (s->pending.cap > KEEP_BYTES)
        buf_free(&s->pending);
    else
        buf_reset(&s->pending);
    s->pending.limit_bytes = LOG_SINK_LIMIT_BYTES;
}

/* How much to write before the file is full: whole lines, at least one. */
static size_t portion(const struct log_sink *s, const char *data, size_t len)
{
    if (!s->path || s->kind != SINK_FILE || s->rotate_bytes <= 0 || s->size_bytes + (int64_t)len <= s->rotate_bytes)
        return len;
    int64_t room = s->rotate_bytes - s->size_bytes;
    const char *end = room > 0 ? memrchr(data, '\n', (size_t)room) : NULL;
    if (!end && s->size_bytes == 0) end = memchr(data, '\n', len);
    return end ? (size_t)(end - data) + 1 : 0;
}

/* A notice of lost lines that is lost itself has not been told. */
static void lose(struct log_sink *s, const char *data, size_t len)
{
    for (const char *p = data; p < data + len; p++) s->dropped += *p == '\n';
    if (s->telling && s->start + len >= s->telling_end) {
        s->dropped--;
        s->telling = 0;
    }
}

static void try_write(struct log_sink *s)
{
    while (s->start < s->pending.len) {
        const char *data = s->pending.data + s->start;
        size_t len = portion(s, data, s->pending.len - s->start);
        if (len == 0) {
            rotate(s);
            if (s->size_bytes > 0) s->size_bytes = 0; /* could not be emptied: written on rather than lost */
            continue;
        }
        ssize_t n = write_some(s, data, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            event_add(s->writable, NULL);
            return;
        }
        if (n < 0) { /* the disk is full, or the reader has gone: these lines are lost, the next may not be */
            lose(s, data, len);
            n = (ssize_t)len;
        } else {
            s->size_bytes += n;
        }
        s->start += (size_t)n;
        if (s->telling && s->start >= s->telling_end) { /* the notice is written */
            s->told = s->telling;
            s->telling = 0;
        }
    }
    emptied(s);
}

static bool append(struct log_sink *s, const char *line, size_t len)
{
    if (s->pending.len + len > LOG_SINK_LIMIT_BYTES && s->start > 0) {
        buf_consume(&s->pending, s->start);
        if (s->telling) s->telling_end -= s->start;
        s->start = 0;
    }
    if (s->pending.len + len > LOG_SINK_LIMIT_BYTES || !buf_add(&s->pending, line, len)) {
        s->pending.failed = false;
        return false;
    }
    return true;
}

void log_sink_line(struct log_sink *s, const char *line, size_t len)
{
    bool was_empty = s->pending.len == 0;
    if (s->dropped > s->told && !s->telling) {
        char text[128], told[512];
        int n = snprintf(text, sizeof text, "%lld log lines were dropped: the log took them too slowly, or not at all",
                         (long long)(s->dropped - s->told));
        int m = log_frame(told, sizeof told, LOG_WARNING, "logikald", (int)getpid(), text, (unsigned)n);
        if (append(s, told, (size_t)m)) {
            s->telling = s->dropped;
            s->telling_end = s->pending.len;
        }
    }
    if (!append(s, line, len)) s->dropped++;
    if (was_empty) event_active(s->soon, EV_WRITE, 0);
}

int64_t log_sink_dropped(const struct log_sink *s)
{
    return s->dropped;
}

void log_sink_flush(struct log_sink *s, int64_t timeout_ms)
{
    int64_t deadline = mono_ms() + timeout_ms;
    try_write(s);
    for (int64_t left = timeout_ms; s->pending.len > 0 && left > 0; left = deadline - mono_ms()) {
        struct pollfd p = {.fd = s->fd, .events = POLLOUT};
        poll(&p, 1, (int)left);
        try_write(s);
    }
}
