/* The supervisor's side of the control socket (ipc/control.h): accepts, checks who asks, and passes each request to its
 * row in the table of commands (control_commands.c). See control.h. */
#include "supervisor/control/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "conf/text/buf.h"
#include "conf/log.h"
#include "ipc/control.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"

#define PEERS_MAX          16
#define FOLLOWERS_MAX      (PEERS_MAX - 4) /* commands always find room */
#define PAUSE_MS           1000            /* when there is no descriptor for another one */
#define PEER_IDLE_S        30
#define PEER_PENDING_BYTES (256 * 1024) /* a follower that reads slower than this loses lines */
#define ARGS_MAX           16

struct control_peer {
    LIST_ENTRY(control_peer) link;
    struct supervisor *sup;
    struct bufferevent *io;
    bool is_following, is_closing;
    char follows[CHILD_NAME_SIZE];
    int64_t dropped;
};

struct control {
    struct event *incoming, *pause;
    int count, followers;
    bool is_full_told;
    LIST_HEAD(control_peers, control_peer) peers;
    char path[108];
    dev_t dev; /* of the socket's name, as we made it */
    ino_t ino;
};

static void peer_free(struct control_peer *p)
{
    p->sup->control->count--;
    if (p->is_following) p->sup->control->followers--;
    LIST_REMOVE(p, link);
    bufferevent_free(p->io);
    free(p);
}

bool control_is_there(const struct supervisor *s, const struct control_peer *p)
{
    const struct control_peer *q;
    if (!s->control) return false;
    LIST_FOREACH(q, &s->control->peers, link)
        if (q == p) return true;
    return false;
}

struct supervisor *control_supervisor(struct control_peer *p)
{
    return p->sup;
}

static void write_json(struct control_peer *p, const cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    if (text) bufferevent_write(p->io, text, strlen(text));
    bufferevent_write(p->io, "\n", 1);
    free(text);
}

void control_answer(struct control_peer *p, bool is_ok, cJSON *answer)
{
    cJSON *json = answer ? answer : cJSON_CreateObject();
    if (json) cJSON_AddBoolToObject(json, "ok", is_ok);
    if (json) write_json(p, json);
    cJSON_Delete(json);
}

__attribute__((format(printf, 3, 0))) static void answer_words(struct control_peer *p, bool is_ok, const char *fmt,
                                                               va_list ap)
{
    char text[1024];
    vsnprintf(text, sizeof text, fmt, ap);
    cJSON *json = cJSON_CreateObject();
    if (json) cJSON_AddStringToObject(json, is_ok ? "text" : "error", text);
    control_answer(p, is_ok, json);
}

void control_answer_text(struct control_peer *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    answer_words(p, true, fmt, ap);
    va_end(ap);
}

void control_refuse(struct control_peer *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    answer_words(p, false, fmt, ap);
    va_end(ap);
}

void control_say_line(struct control_peer *p, const char *text, size_t len)
{
    struct evbuffer *out = bufferevent_get_output(p->io);
    if (evbuffer_get_length(out) > PEER_PENDING_BYTES) {
        p->dropped++;
        return;
    }
    struct buf b = {0};
    if (p->dropped) {
        buf_printf(&b, "{\"line\":\"(%lld lines dropped: they were read too slowly)\"}\n", (long long)p->dropped);
        p->dropped = 0;
    }
    buf_str(&b, "{\"line\":");
    buf_json_string(&b, text, len);
    buf_str(&b, "}\n");
    if (!b.failed) bufferevent_write(p->io, b.data, b.len);
    buf_free(&b);
}

bool control_follow(struct control_peer *p, const char *name)
{
    struct control *c = p->sup->control;
    if (p->is_following || c->followers >= FOLLOWERS_MAX) return false;
    c->followers++;
    p->is_following = true;
    snprintf(p->follows, sizeof p->follows, "%s", name);
    bufferevent_set_timeouts(p->io, NULL, NULL);
    return true;
}

void control_line(struct supervisor *s, const struct child *c, const char *text, size_t len)
{
    struct control_peer *p;
    if (!s->control) return;
    LIST_FOREACH(p, &s->control->peers, link) {
        if (!p->is_following) continue;
        bool is_meant = !p->follows[0] || strcmp(p->follows, CHILDREN_ALL) == 0 ||
                        strcmp(p->follows, c->spec.name) == 0 || strcmp(p->follows, c->spec.role) == 0;
        if (is_meant) control_say_line(p, text, len);
    }
}

static void execute(struct control_peer *p, const char *line, size_t len)
{
    char *argv[ARGS_MAX];
    int argc = 0;
    bool is_good = true;
    cJSON *json = cJSON_ParseWithLength(line, len);
    const cJSON *command = cJSON_GetObjectItemCaseSensitive(json, "command");
    const cJSON *args = cJSON_GetObjectItemCaseSensitive(json, "args"), *arg;
    cJSON_ArrayForEach(arg, args) {
        if (!cJSON_IsString(arg) || argc == ARGS_MAX) {
            is_good = false;
            break;
        }
        argv[argc++] = arg->valuestring;
    }
    if (cJSON_IsString(command) && is_good)
        control_execute(p, command->valuestring, argc, argv);
    else
        control_refuse(p, "not a request: {\"command\":\"...\",\"args\":[\"...\"]} was expected");
    cJSON_Delete(json);
}

static void on_read(struct bufferevent *io, void *arg)
{
    struct control_peer *p = arg;
    struct evbuffer *in = bufferevent_get_input(io);
    size_t len;
    char *line;
    while (!p->is_closing && (line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF))) {
        execute(p, line, len);
        free(line);
    }
    if (evbuffer_get_length(in) >= CONTROL_REQUEST_BYTES) {
        control_refuse(p, "the request is longer than %d bytes", CONTROL_REQUEST_BYTES);
        p->is_closing = true;
        bufferevent_disable(io, EV_READ);
    }
}

static void on_written(struct bufferevent *io, void *arg)
{
    struct control_peer *p = arg;
    (void)io;
    if (p->is_closing) peer_free(p);
}

static void on_event(struct bufferevent *io, short what, void *arg)
{
    (void)io;
    (void)what; /* the end, an error, or nothing said for too long */
    peer_free(arg);
}

static bool is_allowed(int fd)
{
    struct ucred who;
    socklen_t len = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) return false;
    if (who.uid == geteuid() || who.uid == 0) return true;
    log_warning("control: refused user %u (pid %d)", (unsigned)who.uid, (int)who.pid);
    return false;
}

static void on_pause_end(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;
    (void)fd, (void)what;
    if (s->control->incoming) event_add(s->control->incoming, NULL);
}

/* Whoever waits keeps the listener ready: without a descriptor for it we would turn in circles. */
static void pause_listening(struct supervisor *s, const char *why)
{
    struct control *c = s->control;
    struct timeval tv = {.tv_sec = PAUSE_MS / 1000};
    event_del(c->incoming);
    event_add(c->pause, &tv);
    if (!c->is_full_told) log_warning("control: no descriptor for another connection: %s", why);
    c->is_full_told = true;
}

static void take_peer(struct supervisor *s, int fd)
{
    const struct timeval idle = {.tv_sec = PEER_IDLE_S};
    struct control_peer *p = is_allowed(fd) ? calloc(1, sizeof *p) : NULL;
    if (p) p->io = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!p || !p->io) {
        close(fd);
        free(p);
        return;
    }
    p->sup = s;
    s->control->count++;
    LIST_INSERT_HEAD(&s->control->peers, p, link);
    bufferevent_setcb(p->io, on_read, on_written, on_event, p);
    bufferevent_setwatermark(p->io, EV_READ, 0, CONTROL_REQUEST_BYTES);
    bufferevent_set_timeouts(p->io, &idle, &idle);
    bufferevent_enable(p->io, EV_READ | EV_WRITE);
}

static void on_incoming(evutil_socket_t listener, short what, void *arg)
{
    struct supervisor *s = arg;
    static const char full[] =
        "{\"error\":\"too many clients talk to the supervisor: end one (tail -f?)\",\"ok\":false}\n";
    (void)what;
    /* cppcheck-suppress nullPointer ; whose address it is does not matter */
    int fd = accept4((int)listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) pause_listening(s, strerror(errno));
        return;
    }
    if (s->control->count < PEERS_MAX) {
        take_peer(s, fd);
        s->control->is_full_told = false;
        return;
    }
    if (!s->control->is_full_told) log_warning("control: %d clients at once: another one is refused", PEERS_MAX);
    s->control->is_full_told = true;
    if (send(fd, full, sizeof full - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_debug("control: the refusal was not read");
    close(fd);
}

static int bind_socket(struct supervisor *s, const struct sockaddr_un *addr, struct err *err)
{
    unlink(addr->sun_path); /* we hold the lock: whoever made it is gone */
    s->control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0177);
    int rc = s->control_fd < 0 ? -1 : bind(s->control_fd, (const struct sockaddr *)addr, sizeof *addr);
    umask(before);
    if (rc == 0) rc = listen(s->control_fd, PEERS_MAX);
    return rc == 0 ? 0 : err_errno(err, "control socket %s", addr->sun_path);
}

/* The name is on the disk; what is open does not tell its number there. */
static void note_name(struct control *c)
{
    struct stat st;
    bool is_there = lstat(c->path, &st) == 0;
    c->dev = is_there ? st.st_dev : 0;
    c->ino = is_there ? st.st_ino : 0;
}

static int listen_for_peers(struct supervisor *s, struct err *err)
{
    struct control *c = s->control;
    c->incoming = event_new(s->base, s->control_fd, EV_READ | EV_PERSIST, on_incoming, s);
    if (!c->incoming || event_add(c->incoming, NULL) != 0)
        return err_set(err, ERR_NOMEM, "no memory for the control socket");
    note_name(c);
    return 0;
}

int control_keep(struct supervisor *s, struct err *err)
{
    struct control *c = s->control;
    struct sockaddr_un addr;
    struct stat st;
    if (!c || (lstat(c->path, &st) == 0 && st.st_dev == c->dev && st.st_ino == c->ino)) return 0;
    int rc = control_address(s->run_dir, &addr, err);
    if (rc != 0) return rc;
    if (c->incoming) event_free(c->incoming);
    c->incoming = NULL;
    if (s->control_fd >= 0) close(s->control_fd);
    rc = bind_socket(s, &addr, err);
    if (rc == 0) rc = listen_for_peers(s, err);
    c->ino = rc == 0 ? c->ino : 0; /* tried again the next time */
    if (rc == 0) log_warning("the control socket %s had gone: it is made again", c->path);
    return rc;
}

int control_serve(struct supervisor *s, struct err *err)
{
    struct sockaddr_un addr;
    int rc = control_address(s->run_dir, &addr, err);
    if (rc != 0) return rc;
    struct control *c = calloc(1, sizeof *c);
    if (!c) return err_set(err, ERR_NOMEM, "no memory for the control socket");
    s->control = c;
    LIST_INIT(&c->peers);
    snprintf(c->path, sizeof c->path, "%s", addr.sun_path);
    if (s->control_fd < 0) rc = bind_socket(s, &addr, err); /* otherwise it came through an exec */
    if (rc != 0) return rc;
    c->pause = event_new(s->base, -1, 0, on_pause_end, s);
    return c->pause ? listen_for_peers(s, err) : err_set(err, ERR_NOMEM, "no memory for the control socket");
}

/* Looked at in place, because only libevent's own writing may take from the buffer; nothing is written after this. */
static void flush_peer(struct control_peer *p)
{
    struct evbuffer *out = bufferevent_get_output(p->io);
    struct evbuffer_iovec parts[16];
    int count = evbuffer_peek(out, -1, NULL, parts, 16);
    for (int i = 0; i < count && i < 16; i++)
        if (send(bufferevent_getfd(p->io), parts[i].iov_base, parts[i].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL) <
            (ssize_t)parts[i].iov_len) {
            log_debug("control: an answer was cut short");
            return;
        }
}

void control_flush(struct supervisor *s)
{
    struct control_peer *p;
    if (!s->control) return;
    LIST_FOREACH(p, &s->control->peers, link) flush_peer(p);
}

void control_stop(struct supervisor *s)
{
    struct control *c = s->control;
    if (!c) return;
    control_flush(s);
    for (struct control_peer *p = LIST_FIRST(&c->peers), *next; p; p = next) {
        next = LIST_NEXT(p, link);
        peer_free(p);
    }
    if (c->incoming) event_free(c->incoming);
    if (c->pause) event_free(c->pause);
    if (s->control_fd >= 0) {
        close(s->control_fd);
        unlink(c->path);
    }
    s->control_fd = -1;
    free(c);
    s->control = NULL;
}
