/* What comes from a child: lines of its log, and datagrams about its state (the sd_notify text protocol). See child.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/text/utf8.h"
#include "supervisor/child/child.h"
#include "supervisor/child/hooks.h"

#define DATAGRAM_BYTES   4096
#define DATAGRAMS_A_TURN 64
#define CUT_MARK         " [cut]"

/* A role's line is passed on as it is when it is one: of our form, a whole object as JSON, and without control bytes.
 */
static bool is_framed(const struct child *c, const char *text, size_t len)
{
    if (c->spec.users == 0 || len < 2 || text[0] != LOG_FRAMED_MARK) return false;
    text++;
    len--;
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f) return false;
    if (log_format() != LOG_JSON) return len > 24 && memcmp(text, "20", 2) == 0 && text[10] == 'T' && text[23] == 'Z';
    cJSON *json = cJSON_ParseWithLengthOpts(text, len, NULL, false);
    bool is_object = cJSON_IsObject(json) && text[0] == '{' && text[len - 1] == '}' && utf8_is_valid(text, len);
    cJSON_Delete(json);
    return is_object;
}

static void pass_on(struct child *c, const char *text, size_t len)
{
    static char out[LOG_STREAM_LINE_BYTES + 1];
    memcpy(out, text, len);
    out[len] = '\n';
    line_ring_add(&c->lines, text, len);
    c->sup->hooks->line(c->sup, c, text, len);
    log_sink_line(c->sup->sink, out, len + 1);
}

static void child_line(struct child *c, const char *text, size_t len, bool is_cut, bool is_err)
{
    static char out[LOG_STREAM_LINE_BYTES * 7];
    static char cut[LOG_STREAM_LINE_BYTES + sizeof CUT_MARK];
    int pid = c->pid ? (int)c->pid : (int)c->group;
    if (!is_cut && is_framed(c, text, len)) {
        pass_on(c, text + 1, len - 1);
        return;
    }
    if (len > 0 && text[len - 1] == '\r') len--;
    if (len == 0) return;
    line_ring_add(&c->lines, text, len);
    c->sup->hooks->line(c->sup, c, text, len);
    if (is_cut) {
        memcpy(cut, text, len);
        memcpy(cut + len, CUT_MARK, sizeof CUT_MARK);
        text = cut;
        len += sizeof CUT_MARK - 1;
    }
    enum log_level level = is_err ? LOG_WARNING : LOG_INFO;
    int n = log_frame(out, sizeof out, level, c->spec.name, pid, text, (unsigned)len);
    if (n > 0) log_sink_line(c->sup->sink, out, (size_t)n);
}

void child_on_out(void *arg, const char *text, size_t len, bool is_cut)
{
    child_line(arg, text, len, is_cut, false);
}

void child_on_err(void *arg, const char *text, size_t len, bool is_cut)
{
    child_line(arg, text, len, is_cut, true);
}

static void told_line(struct child *c, const char *line)
{
    if (strcmp(line, "READY=1") == 0) {
        /* A one-shot is ready when it has exited. */
        if (c->spec.readiness != READINESS_EXIT && c->machine.state == CHILD_STARTING) child_event(c, EVENT_READY);
    } else if (strncmp(line, "STATUS=", 7) == 0) {
        size_t len = utf8_cut(line + 7, sizeof c->status - 1);
        memcpy(c->status, line + 7, len);
        c->status[len] = 0;
        utf8_repair(c->status, len);
        utf8_line(c->status);
    } else if (strcmp(line, "WATCHDOG=1") == 0) {
        c->pinged_ms = mono_ms();
    } else if (strcmp(line, "WATCHDOG=trigger") == 0) {
        child_event(c, EVENT_HUNG);
    }
}

/* Descriptors that somebody sent along are not kept. */
static void close_passed(struct msghdr *msg)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            close(fd);
        }
    }
}

/* Over a named socket anybody who knows the name may send: only the child's own group or user is heard. */
static bool is_from_child(const struct child *c, struct msghdr *msg)
{
    if (c->spec.readiness != READINESS_PATH) return true;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_CREDENTIALS) continue;
        struct ucred who;
        memcpy(&who, CMSG_DATA(h), sizeof who);
        if (who.pid == c->pid || getpgid(who.pid) == c->group || who.uid == geteuid() || who.uid == c->spec.uid)
            return true;
        log_warning("%s: a message about its state from process %d of user %u is not heard: it is none of its own",
                    c->spec.name, (int)who.pid, (unsigned)who.uid);
    }
    return false;
}

void child_told(evutil_socket_t fd, short what, void *arg)
{
    struct child *c = arg;
    (void)what;
    for (int i = 0; i < DATAGRAMS_A_TURN && c->notify_fd == (int)fd; i++) {
        char text[DATAGRAM_BYTES + 1];
        union {
            char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(8 * sizeof(int))];
            struct cmsghdr align;
        } control;
        struct iovec iov = {.iov_base = text, .iov_len = DATAGRAM_BYTES};
        struct msghdr msg = {
            .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
        ssize_t n = recvmsg((int)fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            if (errno != EAGAIN && errno != ECONNRESET) event_del(c->notified); /* never in a busy loop */
            return;
        }
        close_passed(&msg);
        if (!is_from_child(c, &msg)) continue;
        text[n] = 0;
        for (char *next, *line = text; line; line = next) {
            next = strchr(line, '\n');
            if (next) *next++ = 0;
            told_line(c, line);
            if (c->notify_fd != (int)fd) return;
        }
    }
}

void child_executed(evutil_socket_t fd, short what, void *arg)
{
    struct child *c = arg;
    char text[sizeof c->exec_error];
    (void)what;
    ssize_t n = read((int)fd, text, sizeof text - 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n > 0) {
        text[n] = 0;
        text[strcspn(text, "\n")] = 0;
        snprintf(c->exec_error, sizeof c->exec_error, "%s", text);
        utf8_repair(c->exec_error, strlen(c->exec_error));
    }
    event_free(c->executed);
    close(c->exec_fd);
    c->executed = NULL;
    c->exec_fd = -1;
    bool is_up = n == 0 && c->pid && c->spec.readiness == READINESS_NONE && c->machine.state == CHILD_STARTING;
    if (is_up) child_event(c, EVENT_READY);
}

void child_watch_silence(struct child *c)
{
    if (c->spec.watchdog_ms <= 0 || c->notify_fd < 0) return;
    int64_t left = c->pinged_ms + c->spec.watchdog_ms - mono_ms();
    if (left < 1) left = 1;
    struct timeval tv = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
    event_add(c->silence, &tv);
}

void child_io_close(struct child *c)
{
    log_stream_drain(&c->out);
    log_stream_drain(&c->err);
    log_stream_close(&c->out);
    log_stream_close(&c->err);
    if (c->executed) event_free(c->executed);
    if (c->exec_fd >= 0) close(c->exec_fd);
    c->executed = NULL;
    c->exec_fd = -1;
    if (c->notified) event_free(c->notified);
    if (c->notify_fd >= 0) close(c->notify_fd);
    c->notified = NULL;
    c->notify_fd = -1;
}
