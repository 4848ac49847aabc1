/* From nothing to a usable Redis connection: address, socket, TLS, then the greeting (AUTH, SELECT, CLIENT SETNAME,
 * PING). The greeting's commands go out together; the first that is refused decides why we are not up. A server that
 * loads its data refuses PING, and we come again. */
#include "ipc/redis_internal.h"

#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <event2/buffer.h>
#include <event2/dns.h>
#include <event2/util.h>

#include "conf/clock.h"

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    redis_read(arg);
}

static void on_greeting(void *arg, const struct redis_answer *answer)
{
    struct redis *r = arg;
    if (answer->fault != REDIS_FINE && r->state == REDIS_HANDSHAKE && !r->handshake_fault[0])
        snprintf(r->handshake_fault, sizeof r->handshake_fault, "%s", answer->text);
}

/* CLIENT SETNAME may be forbidden by an ACL: that is no reason to stay away. */
static void on_ping(void *arg, const struct redis_answer *answer)
{
    struct redis *r = arg;
    on_greeting(arg, answer);
    if (r->state != REDIS_HANDSHAKE || !answer->reply) return;
    if (r->handshake_fault[0])
        redis_drop(r, REDIS_LOST, "%s", r->handshake_fault);
    else
        redis_went_up(r);
}

static void greet(struct redis *r)
{
    char db[16];
    snprintf(db, sizeof db, "%d", r->url.db);
    const char *auth[] = {"AUTH", r->url.password}, *auth_user[] = {"AUTH", r->url.user, r->url.password};
    const char *select[] = {"SELECT", db}, *name[] = {"CLIENT", "SETNAME", r->name}, *ping[] = {"PING"};
    r->state = REDIS_HANDSHAKE;
    r->handshake_fault[0] = '\0';
    r->heard_ms = mono_ms();
    if (r->url.user[0])
        redis_send_now(r, on_greeting, r, 3, auth_user);
    else if (r->url.password[0])
        redis_send_now(r, on_greeting, r, 2, auth);
    if (r->url.db != 0) redis_send_now(r, on_greeting, r, 2, select);
    redis_send_now(r, NULL, NULL, 3, name);
    redis_send_now(r, on_ping, r, 1, ping);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct redis *r = arg;
    redis_enter(r);
    if (what & BEV_EVENT_CONNECTED) {
        int one = 1;
        if (r->url.transport != REDIS_UNIX)
            setsockopt(bufferevent_getfd(bev), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        greet(r);
    } else {
        char text[400] = "";
        int code = EVUTIL_SOCKET_ERROR(), dns = bufferevent_socket_get_dns_error(bev);
        if (dns)
            snprintf(text, sizeof text, "cannot resolve %s: %s", r->url.host, evutil_gai_strerror(dns));
        else if (r->url.transport == REDIS_TLS)
            tls_fault(bev, text, sizeof text);
        if (!text[0] && (what & BEV_EVENT_EOF)) snprintf(text, sizeof text, "the server closed the connection");
        if (!text[0]) snprintf(text, sizeof text, "%s", code ? evutil_socket_error_to_string(code) : "connection lost");
        redis_drop(r, REDIS_LOST, "%s", text);
    }
    redis_leave(r);
}

/* An address that needs no resolver, into ss; its length, or 0. "localhost" needs none either. */
static int literal_address(const struct redis_url *url, struct sockaddr_storage *ss)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ss;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;
    struct sockaddr_un *un = (struct sockaddr_un *)ss;
    memset(ss, 0, sizeof *ss);
    if (url->transport == REDIS_UNIX) {
        un->sun_family = AF_UNIX;
        memcpy(un->sun_path, url->path, strlen(url->path) + 1);
        return sizeof *un;
    }
    const char *host = strcmp(url->host, "localhost") == 0 ? "127.0.0.1" : url->host;
    if (evutil_inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)url->port);
        return sizeof *v4;
    }
    if (evutil_inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)url->port);
        return sizeof *v6;
    }
    return 0;
}

/* A resolver that reads /etc/resolv.conf and /etc/hosts anew for each attempt: addresses change in a fail-over. */
static struct evdns_base *resolver(struct event_base *base)
{
    struct evdns_base *dns = evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!dns && (dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE))) {
        evdns_base_load_hosts(dns, "/etc/hosts");
        evdns_base_nameserver_ip_add(dns, "127.0.0.1");
    }
    return dns;
}

void redis_connect(struct redis *r)
{
    struct sockaddr_storage address;
    int len = literal_address(&r->url, &address), rc;
    r->state = REDIS_CONNECTING;
    r->deadline_ms = mono_ms() + REDIS_TIMEOUT_MS;
    redis_set_timer(r, REDIS_TIMEOUT_MS);
    r->reader = redisReaderCreate();
    r->bev =
        r->url.transport == REDIS_TLS ? tls_bufferevent(r) : bufferevent_socket_new(r->base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (!r->bev || !r->reader) {
        redis_drop(r, REDIS_LOST, "no memory for a connection");
        return;
    }
    r->reader->maxbuf = 64 << 10;
    bufferevent_setcb(r->bev, on_read, NULL, on_event, r);
    bufferevent_enable(r->bev, EV_READ | EV_WRITE);
    if (len > 0) {
        rc = bufferevent_socket_connect(r->bev, (struct sockaddr *)&address, len);
    } else {
        if (!r->dns) r->dns = resolver(r->base);
        rc = r->dns ? bufferevent_socket_connect_hostname(r->bev, r->dns, AF_UNSPEC, r->url.host, r->url.port) : -1;
    }
    /* A refusal may already have been reported to on_event, which has dropped the connection. */
    if (rc != 0 && r->state == REDIS_CONNECTING)
        redis_drop(r, REDIS_LOST, "cannot connect: %s", errno ? strerror(errno) : "no resolver");
}

void redis_disconnect(struct redis *r)
{
    if (r->bev) bufferevent_free(r->bev);
    if (r->reader) redisReaderFree(r->reader);
    if (r->dns) evdns_base_free(r->dns, 0);
    r->bev = NULL;
    r->reader = NULL;
    r->dns = NULL;
}
