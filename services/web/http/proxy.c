/* Trusted proxies: see proxy.h. The right-most address of X-Forwarded-For that is not itself a trusted proxy counts. */
#include "services/web/http/proxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* IPv4 in its IPv6 form, so that one comparison serves both. */
static bool parse_address(const char *text, unsigned char out[16])
{
    memset(out, 0, 16);
    if (inet_pton(AF_INET6, text, out) == 1) return true;
    out[10] = out[11] = 0xff;
    return inet_pton(AF_INET, text, out + 12) == 1;
}

static bool same_network(const unsigned char *a, const unsigned char *b, int bits)
{
    int bytes = bits / 8, rest = bits % 8;
    if (memcmp(a, b, (size_t)bytes) != 0) return false;
    return rest == 0 || (a[bytes] >> (8 - rest)) == (b[bytes] >> (8 - rest));
}

bool proxy_is_listed(const char *list, const char *address)
{
    unsigned char wanted[16], network[16];
    if (!parse_address(address, wanted)) return false;
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
        char text[64];
        p += strspn(p, " ");
        snprintf(text, sizeof(text), "%.*s", (int)strcspn(p, ", "), p);
        char *slash = strchr(text, '/');
        int bits = 128;
        if (slash) {
            char *end;
            *slash = 0;
            bits = (int)strtol(slash + 1, &end, 10) + (strchr(text, ':') ? 0 : 96);
            if (*end || bits < 0 || bits > 128) continue;
        }
        if (parse_address(text, network) && same_network(wanted, network, bits)) return true;
    }
    return false;
}

static void forwarded_for(struct req *r, const char *trusted)
{
    const char *header = req_header(r, "X-Forwarded-For");
    if (!header) return;
    for (const char *end = header + strlen(header); end > header;) {
        const char *begin = end;
        while (begin > header && begin[-1] != ',') begin--;
        const char *first = begin + strspn(begin, " ");
        char text[48];
        unsigned char address[16];
        size_t len = strcspn(first, ", ");
        snprintf(text, sizeof(text), "%.*s", (int)len, first);
        if (!parse_address(text, address)) return;
        snprintf(r->address, sizeof(r->address), "%s", text);
        if (!proxy_is_listed(trusted, text)) return;
        end = begin > header ? begin - 1 : header;
    }
}

void proxy_read(struct req *r)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(r->ev);
    char *address = NULL;
    ev_uint16_t port;
    if (connection) evhttp_connection_get_peer(connection, &address, &port);
    snprintf(r->address, sizeof(r->address), "%s", address && *address ? address : "unix");
    if (strncmp(r->address, "::ffff:", 7) == 0) memmove(r->address, r->address + 7, strlen(r->address + 7) + 1);
    const char *trusted = conf_str(r->web->conf, SET_HTTP_TRUSTED_PROXIES);
    if (*trusted && proxy_is_listed(trusted, r->address)) forwarded_for(r, trusted);
    /* Only makes cookies stricter, so it needs no trust. */
    const char *scheme = req_header(r, "X-Forwarded-Proto");
    r->is_https = scheme && strncasecmp(scheme, "https", 5) == 0;
}
