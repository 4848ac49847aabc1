/* See guard.h. The networks are those of IANA's registries of special-purpose addresses that are not globally
 * reachable; IPv6 addresses that carry an IPv4 address are judged by it. */
#include "services/feed/guard.h"

#include <stddef.h>
#include <string.h>

static const char not_public[] = /* IPv4 stands for its form in IPv6 as well */
    "0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,192.0.2.0/24,"
    "192.88.99.0/24,192.168.0.0/16,198.18.0.0/15,198.51.100.0/24,203.0.113.0/24,224.0.0.0/4,240.0.0.0/4";

/* Of IPv6 only the addresses that are given out are public. */
static const char given_out[] = "2000::/3", not_given_out[] = "2001::/23,2001:db8::/32,3fff::/20";

/* Where an IPv4 address lies in an IPv6 address. */
static const struct {
    const char *network;
    int at;
} carriers[] = {{"::ffff:0:0/96", 12}, {"64:ff9b::/96", 12}, {"::/96", 12}, {"2002::/16", 2}};

static struct address carried(const struct address *a, int at)
{
    struct address out = {.bytes = {[10] = 0xff, [11] = 0xff}};
    memcpy(out.bytes + 12, a->bytes + at, 4);
    return out;
}

static bool is_public(const struct address *a)
{
    for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++) {
        if (!address_is_listed(carriers[i].network, a)) continue;
        struct address inner = carried(a, carriers[i].at);
        return !address_is_listed(not_public, &inner);
    }
    return address_is_listed(given_out, a) && !address_is_listed(not_given_out, a);
}

const char *guard_refuses(const struct address *a, bool is_https, const char *allowed)
{
    if (address_is_listed(allowed, a)) return NULL;
    if (!is_public(a))
        return "it is not an address of the public Internet; name its network in WEBHOOK_ALLOW_NETWORKS if it is meant";
    return is_https ? NULL : "http:// is called only in networks of WEBHOOK_ALLOW_NETWORKS; use https://";
}
