/* Who is the master? All Sentinels of a URL are asked at once, so that one that is dead or silent costs nothing; a
 * moment after the first answer what has come in decides. The answer with the highest configuration epoch counts, which
 * is how Sentinels decide among themselves; of those the address that most of them name. Whether it is a master is not
 * believed but asked of it (ROLE, see redis_connect.c). Nothing blocks. */
#ifndef LOGIKALD_IPC_REDIS_SENTINEL_H
#define LOGIKALD_IPC_REDIS_SENTINEL_H

#include <stdbool.h>
#include <stdint.h>
#include <event2/event.h>

#include "ipc/redis/redis_url.h"

/* What one Sentinel says; host is empty when it names no address. */
struct sentinel_answer {
    char host[256];
    int port;
    int64_t epoch; /* of its configuration; 0 when it does not tell */
};

struct sentinel_found {
    char host[256];
    int port;
    int named_by, of; /* so many Sentinels name it, of so many that there are */
};

/* found is NULL when nobody names a master, and why says who answered what. Called once, from the loop; the search is
 * gone then. */
typedef void (*sentinel_fn)(void *arg, const struct sentinel_found *found, const char *why);

struct ssl_ctx_st;
struct sentinel_search;
/* current: where we are connected, which is kept if it is as good as another; refused: what has just turned out to be
 * of no use, which is taken only when nothing else is named. tls: for Sentinels that speak it. NULL: no memory. */
struct sentinel_search *sentinel_start(struct event_base *base, const struct redis_url *url, struct ssl_ctx_st *tls,
                                       const struct redis_address *current, const struct redis_address *refused,
                                       sentinel_fn fn, void *arg);
void sentinel_cancel(struct sentinel_search *s); /* NULL is fine */

/* The choice alone: false when nobody names an address. */
bool sentinel_choose(const struct sentinel_answer *answers, int count, const struct redis_address *current,
                     const struct redis_address *refused, struct sentinel_found *found);

#endif
