/* Names to addresses: see resolve.h. evdns does the asking; what it finds is told in the next turn of the loop. */
#include "ipc/resolve.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <event2/dns.h>
#include <event2/util.h>

#define WAIT_S 8 /* by then a name server has had its chances */

struct resolve {
    LIST_ENTRY(resolve) link;
    resolve_fn fn; /* NULL = cancelled */
    void *arg;
    struct evdns_base *dns;
    struct evdns_getaddrinfo_request *request;
    struct event *turn;
    struct addresses found;
    bool is_done, is_told, has_servers;
    char host[256], why[400];
};

LIST_HEAD(resolve_list, resolve);
static struct resolve_list all = LIST_HEAD_INITIALIZER(all);

static void resolve_free(struct resolve *r)
{
    LIST_REMOVE(r, link);
    if (r->dns) evdns_base_free(r->dns, 0);
    if (r->turn) event_free(r->turn);
    free(r);
}

static void tell_soon(struct resolve *r)
{
    r->is_done = true;
    event_active(r->turn, EV_TIMEOUT, 1);
}

static void add_text(struct addresses *list, const char *text)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->text[i], text) == 0) return;
    if (list->count < ADDRESSES_MAX) snprintf(list->text[list->count++], INET6_ADDRSTRLEN, "%s", text);
}

static bool next_text(const struct evutil_addrinfo **at, int family, char *out)
{
    while (*at && (*at)->ai_family != family) *at = (*at)->ai_next;
    if (!*at) return false;
    const void *address = family == AF_INET ? (const void *)&((struct sockaddr_in *)(*at)->ai_addr)->sin_addr
                                            : (const void *)&((struct sockaddr_in6 *)(*at)->ai_addr)->sin6_addr;
    *at = (*at)->ai_next;
    return evutil_inet_ntop(family, address, out, INET6_ADDRSTRLEN) != NULL;
}

/* The families take turns, so that one that leads nowhere costs one attempt before the other comes. */
static void take(struct addresses *list, const struct evutil_addrinfo *found)
{
    const struct evutil_addrinfo *six = found, *four = found;
    char text[INET6_ADDRSTRLEN];
    while (six || four) {
        if (next_text(&six, AF_INET6, text)) add_text(list, text);
        if (next_text(&four, AF_INET, text)) add_text(list, text);
    }
}

static void on_found(int result, struct evutil_addrinfo *found, void *arg)
{
    struct resolve *r = arg;
    r->request = NULL;
    take(&r->found, found);
    if (found) evutil_freeaddrinfo(found);
    if (r->found.count == 0 && !r->why[0])
        snprintf(r->why, sizeof r->why, "the host name %.200s cannot be resolved: %s", r->host,
                 r->has_servers ? evutil_gai_strerror(result)
                                : "it is not in /etc/hosts, and /etc/resolv.conf names no server");
    tell_soon(r);
}

/* evdns still holds what it was asked, and says so by one last call; only then may its base go. */
static void stop_asking(struct resolve *r)
{
    struct evdns_getaddrinfo_request *request = r->request;
    r->request = NULL;
    evdns_getaddrinfo_cancel(request);
}

/* The answer, or the end of our patience. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct resolve *r = arg;
    if (!r->is_done) {
        snprintf(r->why, sizeof r->why, "the host name %.200s cannot be resolved: the name server does not answer",
                 r->host);
        stop_asking(r);
        return;
    }
    if (r->is_told) {
        resolve_free(r);
        return;
    }
    /* evdns answers by one family while it calls off the question for the other, of which it hears in the next turn of
     * the loop: a base that goes before leaves that behind. */
    resolve_fn fn = r->fn;
    r->fn = NULL;
    r->is_told = true;
    evtimer_add(r->turn, &(struct timeval){0});
    if (fn) fn(r->arg, &r->found, r->why);
}

static bool resolve_is_address(const char *host)
{
    unsigned char address[16];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static struct evdns_base *dns_new(struct event_base *base, bool *has_servers)
{
    struct evdns_base *dns = evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    *has_servers = dns != NULL;
    if (!dns && (dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE))) {
        evdns_base_load_hosts(dns, "/etc/hosts");
        evdns_base_nameserver_ip_add(dns, "127.0.0.1"); /* as resolv.conf(5) has it when none is named */
    }
    /* Not with capitals at random, against forged answers: podman's name server then knows no name. */
    if (dns) evdns_base_set_option(dns, "randomize-case:", "0");
    return dns;
}

struct resolve *resolve_start(struct event_base *base, const char *host, resolve_fn fn, void *arg)
{
    struct resolve *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    LIST_INSERT_HEAD(&all, r, link);
    r->fn = fn;
    r->arg = arg;
    snprintf(r->host, sizeof r->host, "%s", host);
    r->turn = evtimer_new(base, on_turn, r);
    if (!r->turn) {
        resolve_free(r);
        return NULL;
    }
    bool is_local = strcmp(host, "localhost") == 0; /* by definition, whatever the files say (RFC 6761) */
    if (is_local || resolve_is_address(host)) {
        add_text(&r->found, is_local ? "127.0.0.1" : host);
        if (is_local) add_text(&r->found, "::1");
        tell_soon(r);
        return r;
    }
    if (!(r->dns = dns_new(base, &r->has_servers))) {
        resolve_free(r);
        return NULL;
    }
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    evtimer_add(r->turn, &(struct timeval){.tv_sec = WAIT_S});
    struct evdns_getaddrinfo_request *request = evdns_getaddrinfo(r->dns, host, NULL, &hints, on_found, r);
    if (!r->is_done) r->request = request;
    return r;
}

void resolve_cancel(struct resolve *r)
{
    if (!r) return;
    r->fn = NULL;
    if (r->request) stop_asking(r);
}
