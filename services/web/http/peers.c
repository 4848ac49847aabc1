/* Counts connections and memory for each address that has some. */
#include "services/web/http/peers.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/hash.h"

#define ROWS 512

LIST_HEAD(peer_list, peer);
struct peers {
    struct peer_list rows[ROWS];
};

struct peers *peers_new(void)
{
    return calloc(1, sizeof(struct peers));
}

void peers_free(struct peers *p)
{
    free(p);
}

static struct peer_list *row_of(struct peers *p, const struct address *a)
{
    return &p->rows[hash_bytes(a->bytes, sizeof a->bytes) % ROWS];
}

struct peer *peer_enter(struct peers *p, const struct address *address, const char *trusted_proxies)
{
    bool is_proxy = address_is_listed(trusted_proxies, address);
    struct address group = is_proxy ? *address : address_group(address);
    struct peer_list *row = row_of(p, &group);
    struct peer *peer;
    LIST_FOREACH(peer, row, link)
        if (memcmp(&peer->group, &group, sizeof group) == 0 && peer->is_proxy == is_proxy) break;
    if (!peer) {
        peer = calloc(1, sizeof *peer);
        if (!peer) return NULL;
        peer->group = group;
        peer->is_proxy = is_proxy;
        LIST_INSERT_HEAD(row, peer, link);
    }
    peer->references++;
    return peer;
}

void peer_leave(struct peer *peer)
{
    if (!peer || --peer->references > 0) return;
    LIST_REMOVE(peer, link);
    free(peer);
}
