/* From nothing to a usable Redis connection: dialled (dial.h), TLS, then the greeting (AUTH, ROLE, SELECT, CLIENT
 * SETNAME, PING), and the probe of what the server lets us do. The greeting's commands go out together; the first that
 * is refused decides why we are not up. A server that loads its data refuses PING, and we come again. */
#include "ipc/redis/redis_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <event2/util.h>

#include "conf/clock.h"
#include "ipc/dial.h"
#include "ipc/redis/sentinel.h"
#include "ipc/stream.h"

static void on_greeting(void *arg, const struct redis_answer *answer)
{
    struct redis *r = arg;
    if (answer->fault != REDIS_FINE && r->state == REDIS_HANDSHAKE && !r->handshake_fault[0])
        snprintf(r->handshake_fault, sizeof r->handshake_fault, "%s", answer->text);
}

/* CLIENT SETNAME may be forbidden by an ACL: that is no reason to stay away. But a server that is full answers the
 * first command, whichever it is, and closes. */
static void on_name(void *arg, const struct redis_answer *answer)
{
    if (answer->reply && redis_fault_is_passing(answer->fault)) on_greeting(arg, answer);
}

/* Who asks without being allowed to learns nothing, and needs not: a Sentinel lets everybody ask. */
static void on_role(void *arg, const struct redis_answer *answer)
{
    const redisReply *role = answer->reply;
    struct redis *r = arg;
    on_name(arg, answer);
    if (answer->reply) snprintf(r->first_error, sizeof r->first_error, "%s", answer->text);
    if (!role || role->type != REDIS_REPLY_ARRAY || role->elements == 0 || role->element[0]->type != REDIS_REPLY_STRING)
        return;
    if (strcmp(role->element[0]->str, "sentinel") == 0)
        redis_drop(arg, REDIS_LOST,
                   "this is a Sentinel, not the server that it watches: REDIS_URL must name that, or be sentinel://");
}

/* A Sentinel may be behind, or wrong: who is no master is not the one. */
static void on_master_role(void *arg, const struct redis_answer *answer)
{
    struct redis *r = arg;
    const redisReply *role = answer->reply;
    if (!role || role->type != REDIS_REPLY_ARRAY || role->elements == 0 ||
        role->element[0]->type != REDIS_REPLY_STRING || strcmp(role->element[0]->str, "master") == 0 ||
        r->state != REDIS_HANDSHAKE)
        return;
    master_refuse(r);
    redis_drop(r, REDIS_LOST, "%s:%d is a %.20s, although %s name it the master of \"%s\": they are asked again",
               r->url.host, r->url.port, strcmp(role->element[0]->str, "slave") ? role->element[0]->str : "replica",
               r->named, r->url.sentinels.master);
}

/* Behind what a server says that does not know us: "" = it knows us. */
static const char *what_to_set(const char *fault)
{
    static const char *const words[] = {"NOAUTH", "WRONGPASS", "ERR invalid password"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(fault, words[i], strlen(words[i])) == 0)
            return " (REDIS_URL or REDIS_PASSWORD needs the server's user and password)";
    return "";
}

static void on_ping(void *arg, const struct redis_answer *answer)
{
    struct redis *r = arg;
    on_greeting(arg, answer);
    if (r->state != REDIS_HANDSHAKE || !answer->reply) return;
    if (r->handshake_fault[0])
        redis_drop(r, REDIS_LOST, "%s%s", r->handshake_fault, what_to_set(r->handshake_fault));
    else if (r->is_subscriber)
        redis_went_up(r);
    else
        probe_send(r); /* its end is the greeting's */
}

/* AUTH comes first: behind another command, Redis 7.2 to 8 leave its refusal out of their answers (redis/redis#15640).
 */
static void greet(struct redis *r)
{
    char db[16];
    snprintf(db, sizeof db, "%d", r->url.db);
    const char *auth[] = {"AUTH", r->url.password}, *auth_user[] = {"AUTH", r->url.user, r->url.password};
    const char *select[] = {"SELECT", db}, *name[] = {"CLIENT", "SETNAME", r->name}, *ping[] = {"PING"},
               *role[] = {"ROLE"};
    r->state = REDIS_HANDSHAKE;
    r->heard_ms = mono_ms();
    if (r->url.user[0])
        redis_send_now(r, on_greeting, r, 3, auth_user);
    else if (r->url.password[0])
        redis_send_now(r, on_greeting, r, 2, auth);
    redis_send_now(r, on_role, r, 1, role);
    if (r->url.db != 0) redis_send_now(r, on_greeting, r, 2, select);
    if (master_is_asked_for(r)) redis_send_now(r, on_master_role, r, 1, role);
    redis_send_now(r, on_name, r, 3, name);
    redis_send_now(r, on_ping, r, 1, ping);
}

/* Why the connection ended before it was of use: often the wrong kind of port. code: 0 = the server has closed it. */
static void say_end(const struct redis *r, int code, char *text, size_t size)
{
    bool is_deaf = r->state == REDIS_HANDSHAKE && !r->has_heard;
    if (r->bev) tls_fault(r->bev, r->url.cert_file[0] != 0, text, size);
    if (!text[0] && r->handshake_fault[0]) snprintf(text, size, "%s", r->handshake_fault);
    if (!text[0] && r->state == REDIS_HANDSHAKE) snprintf(text, size, "%s", r->first_error);
    if (text[0]) return;
    const char *hint = is_deaf && r->url.transport == REDIS_TCP
                           ? " before it said anything (is this a TLS port? then the URL begins with rediss://)"
                       : r->state == REDIS_CONNECTING && r->url.transport == REDIS_TLS
                           ? " instead of beginning TLS (is this a plain port? then the URL begins with redis://)"
                           : "";
    snprintf(text, size, "%s%s", code ? strerror(code) : "the server closed the connection", hint);
}

static void on_end(void *arg, int code)
{
    struct redis *r = arg;
    char text[400] = "";
    redis_enter(r);
    say_end(r, code, text, sizeof text);
    redis_drop(r, REDIS_LOST, "%s", text);
    redis_leave(r);
}

static void on_bytes(void *arg, const char *bytes, size_t len)
{
    redis_read(arg, bytes, len);
}

static void on_tls_bytes(struct bufferevent *bev, void *arg)
{
    (void)bev;
    redis_read_tls(arg);
}

static void on_tls_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    struct redis *r = arg;
    int code = EVUTIL_SOCKET_ERROR();
    if (!(what & BEV_EVENT_CONNECTED)) {
        on_end(r, what & BEV_EVENT_EOF ? 0 : code ? code : ECONNABORTED);
        return;
    }
    redis_enter(r);
    greet(r);
    redis_leave(r);
}

/* fd: connected, ours from here on. Over TLS the greeting waits until that has begun. */
static void talk(struct redis *r, int fd)
{
    if (r->url.transport == REDIS_TLS) {
        r->bev = tls_bufferevent(r->base, r->tls, r->url.host, r->url.any_name, fd);
        if (!r->bev) close(fd);
    } else {
        r->stream = stream_new(r->base, fd, on_bytes, on_end, r);
    }
    if (r->stream) {
        greet(r);
    } else if (r->bev) {
        bufferevent_setcb(r->bev, on_tls_bytes, NULL, on_tls_event, r);
        bufferevent_enable(r->bev, EV_READ | EV_WRITE);
    } else {
        redis_drop(r, REDIS_LOST, "no memory for a connection");
    }
}

static void on_dialled(void *arg, int fd, const char *why)
{
    struct redis *r = arg;
    int one = 1;
    r->dial = NULL;
    redis_enter(r);
    if (fd < 0 && master_is_asked_for(r)) {
        master_refuse(r);
        redis_drop(r, REDIS_LOST,
                   "%s (the master of \"%s\", say %s; they must name an address that can be reached from here: "
                   "replica-announce-ip, sentinel announce-ip, or resolve-hostnames)",
                   why, r->url.sentinels.master, r->named);
    } else if (fd < 0) {
        redis_drop(r, REDIS_LOST, "%s", why);
    } else {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        talk(r, fd);
    }
    redis_leave(r);
}

static void connect_unix(struct redis *r)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path, r->url.path, strlen(r->url.path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof un) == 0) {
        talk(r, fd);
        return;
    }
    redis_drop(r, REDIS_LOST, "cannot connect: %s", strerror(errno));
    if (fd >= 0) close(fd);
}

void redis_connect(struct redis *r)
{
    r->state = REDIS_CONNECTING;
    r->has_heard = false;
    r->handshake_fault[0] = r->first_error[0] = '\0';
    r->deadline_ms = mono_ms() + REDIS_TIMEOUT_MS;
    redis_set_timer(r, REDIS_TIMEOUT_MS);
    r->reader = redis_reader_new();
    if (!r->reader) {
        redis_drop(r, REDIS_LOST, "no memory for a connection");
        return;
    }
    r->reader->maxbuf = 64 << 10;
    if (r->url.transport == REDIS_UNIX) {
        connect_unix(r);
        return;
    }
    if (master_is_asked_for(r))
        master_ask(r);
    else
        redis_dial(r);
}

void redis_dial(struct redis *r)
{
    r->dial = dial_start(r->base, r->url.host, r->url.port, on_dialled, r);
    if (!r->dial) redis_drop(r, REDIS_LOST, "no memory for a connection");
}

const char *redis_connect_late(const struct redis *r)
{
    if (r->search) return "no Sentinel answered";
    if (r->dial) return "no connection";
    if (r->state == REDIS_CONNECTING && r->url.transport == REDIS_TLS)
        return "connected, but no TLS (is this a plain port? then the URL begins with redis://)";
    if (r->state == REDIS_CONNECTING) return "no connection";
    return r->has_heard ? "no whole answer to the greeting"
                        : "connected, but no answer to the greeting (is this a Redis port?)";
}

void redis_disconnect(struct redis *r)
{
    stream_free(r->stream);
    if (r->bev) bufferevent_free(r->bev);
    if (r->reader) redisReaderFree(r->reader);
    dial_cancel(r->dial);
    sentinel_cancel(r->search);
    r->search = NULL;
    r->stream = NULL;
    r->bev = NULL;
    r->reader = NULL;
    r->dial = NULL;
}
