/* Closes connections so that the client still sees its last answer. */
#include "services/web/http/linger.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "conf/clock.h"

#define LINGERS_MAX 64
#define QUIET_S     2    /* without a byte */
#define TOTAL_MS    5000 /* however much comes */
#define TURN_READS  16   /* of 16 KiB, in one turn of the loop */

struct lingering {
    LIST_ENTRY(lingering) link;
    struct lingers *owner;
    struct bufferevent *bev;
    struct event *readable;
    int64_t until_ms;
};

struct lingers {
    struct event_base *base;
    LIST_HEAD(lingering_list, lingering) list;
    int count;
};

struct lingers *lingers_new(struct event_base *base)
{
    struct lingers *l = calloc(1, sizeof *l);
    if (l) l->base = base;
    return l;
}

static void lingering_free(struct lingering *g)
{
    LIST_REMOVE(g, link);
    g->owner->count--;
    if (g->readable) event_free(g->readable);
    bufferevent_decref(g->bev);
    free(g);
}

void lingers_free(struct lingers *l)
{
    if (!l) return;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freeing it takes it off the list */
    while (!LIST_EMPTY(&l->list)) lingering_free(LIST_FIRST(&l->list));
    free(l);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct lingering *g = arg;
    char bytes[16384];
    ssize_t n = -1;
    for (int i = 0; i < TURN_READS && (n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0;) i++;
    bool is_open = n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
    if (!is_open || what & EV_TIMEOUT || mono_ms() > g->until_ms) lingering_free(g);
}

void linger(struct lingers *l, struct bufferevent *bev)
{
    struct lingering *g = l->count < LINGERS_MAX ? calloc(1, sizeof *g) : NULL;
    if (!g) return;
    *g = (struct lingering){.owner = l, .bev = bev, .until_ms = mono_ms() + TOTAL_MS};
    bufferevent_incref(bev);
    LIST_INSERT_HEAD(&l->list, g, link);
    l->count++;
    g->readable = event_new(l->base, bufferevent_getfd(bev), EV_READ | EV_PERSIST, on_readable, g);
    if (!g->readable || event_add(g->readable, &(struct timeval){.tv_sec = QUIET_S}) != 0) lingering_free(g);
}
