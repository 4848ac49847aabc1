/* Which server is the master: for a client whose URL names Sentinels (sentinel.h). They are asked before each
 * connection is made, and now and then while it stands: a master that they have given up, and that we still reach,
 * would take what it is going to lose. */
#include "ipc/redis/redis_internal.h"

#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/redis/sentinel.h"

static char told[300];    /* where the master was when this process last said so */
static int64_t looked_ms; /* when one of its connections last looked */
static struct {           /* what that one found, if it was another server than its own */
    struct redis_address at;
    char master[sizeof((struct redis_sentinels *)0)->master];
    int64_t found_ms;
} moved;

bool master_is_asked_for(const struct redis *r)
{
    return r->url.sentinels.hosts[0] != 0;
}

void master_refuse(struct redis *r)
{
    snprintf(r->refused.host, sizeof r->refused.host, "%s", r->url.host);
    r->refused.port = r->url.port;
}

static void on_named(void *arg, const struct sentinel_found *found, const char *why)
{
    struct redis *r = arg;
    r->search = NULL;
    redis_enter(r);
    if (!found) {
        redis_drop(r, REDIS_LOST, "%s", why);
    } else {
        snprintf(r->url.host, sizeof r->url.host, "%s", found->host);
        r->url.port = found->port;
        snprintf(r->named, sizeof r->named, "%d of %d Sentinels", found->named_by, found->of);
        r->refused.host[0] = 0;
        redis_dial(r);
    }
    redis_leave(r);
}

void master_ask(struct redis *r)
{
    struct redis_address current = {.port = r->url.port};
    snprintf(current.host, sizeof current.host, "%s", r->url.host);
    r->asked_ms = mono_ms();
    r->search = sentinel_start(r->base, &r->url, r->tls, &current, &r->refused, on_named, r);
    if (!r->search) redis_drop(r, REDIS_LOST, "no memory for a connection");
}

/* One looks for all of its process: the others see at their next look what it has found. */
static void on_looked(void *arg, const struct sentinel_found *found, const char *why)
{
    struct redis *r = arg;
    (void)why; /* that nobody answers is no reason to leave a server that does */
    r->search = NULL;
    if (!found || (found->port == r->url.port && strcmp(found->host, r->url.host) == 0)) return;
    snprintf(moved.at.host, sizeof moved.at.host, "%s", found->host);
    snprintf(moved.master, sizeof moved.master, "%s", r->url.sentinels.master);
    moved.at.port = found->port;
    moved.found_ms = mono_ms();
    redis_set_timer(r, 0);
}

bool master_has_moved(const struct redis *r)
{
    return moved.found_ms > r->asked_ms && strcmp(moved.master, r->url.sentinels.master) == 0 &&
           (moved.at.port != r->url.port || strcmp(moved.at.host, r->url.host) != 0);
}

void master_leave(struct redis *r)
{
    redis_drop(r, REDIS_LOST, "the master of \"%s\" is no longer %s:%d: the Sentinels name %s:%d",
               r->url.sentinels.master, r->url.host, r->url.port, moved.at.host, moved.at.port);
}

void master_look(struct redis *r)
{
    int64_t now = mono_ms();
    if (!master_is_asked_for(r)) return;
    if (master_has_moved(r)) {
        redis_set_timer(r, 0); /* not here: whoever sends something is in the middle of it */
    } else if (!r->search && now - looked_ms >= REDIS_MASTER_MS) {
        looked_ms = now;
        struct redis_address current = {.port = r->url.port};
        snprintf(current.host, sizeof current.host, "%s", r->url.host);
        r->search = sentinel_start(r->base, &r->url, r->tls, &current, &r->refused, on_looked, r);
    }
}

void master_tell(const struct redis *r)
{
    char where[sizeof told];
    if (!master_is_asked_for(r)) return;
    snprintf(where, sizeof where, "%s:%d", r->url.host, r->url.port);
    if (strcmp(where, told) == 0) return;
    log_info("the master of \"%s\" is %s, say %s", r->url.sentinels.master, where, r->named);
    memcpy(told, where, sizeof told);
}
