/* Addresses of clients, from text or sockets into sixteen bytes, and printed again. */
#include "conf/text/address.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_ipv4(const struct address *a)
{
    return memcmp(a->bytes, mapped, sizeof mapped) == 0;
}

static bool parse_bare(const char *text, struct address *out)
{
    memcpy(out->bytes, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, out->bytes + 12) == 1 || inet_pton(AF_INET6, text, out->bytes) == 1;
}

static bool is_port(const char *text)
{
    size_t len = strspn(text, "0123456789");
    return len > 0 && len <= 5 && !text[len];
}

bool address_parse(const char *text, size_t len, struct address *out)
{
    char copy[80], *bare = copy, *end;
    while (len > 0 && isspace((unsigned char)text[len - 1])) len--;
    while (len > 0 && isspace((unsigned char)*text)) text++, len--;
    if (len >= 2 && *text == '"' && text[len - 1] == '"') text++, len -= 2;
    if (len == 0 || len >= sizeof copy || memchr(text, 0, len)) return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    if (*bare == '[') {
        end = strchr(++bare, ']');
        if (!end || (end[1] && (end[1] != ':' || !is_port(end + 2)))) return false;
        *end = 0;
    } else if ((end = strchr(bare, ':')) != NULL && !strchr(end + 1, ':')) { /* one colon: IPv4 and a port */
        if (!is_port(end + 1)) return false;
        *end = 0;
    }
    if ((end = strchr(bare, '%')) != NULL) *end = 0; /* a zone means something on the other machine only */
    return parse_bare(bare, out);
}

bool address_of_socket(const struct sockaddr *socket, struct address *out)
{
    if (socket->sa_family == AF_INET) {
        memcpy(out->bytes, mapped, sizeof mapped);
        memcpy(out->bytes + 12, &((const struct sockaddr_in *)socket)->sin_addr, 4);
    } else if (socket->sa_family == AF_INET6) {
        memcpy(out->bytes, &((const struct sockaddr_in6 *)socket)->sin6_addr, 16);
    } else {
        return false;
    }
    return true;
}

void address_print(const struct address *a, char out[ADDRESS_TEXT])
{
    if (is_ipv4(a))
        inet_ntop(AF_INET, a->bytes + 12, out, ADDRESS_TEXT);
    else
        inet_ntop(AF_INET6, a->bytes, out, ADDRESS_TEXT);
}

struct address address_group(const struct address *a)
{
    struct address out = *a;
    if (!is_ipv4(a)) memset(out.bytes + 8, 0, 8);
    return out;
}

void address_group_print(const char *text, char out[ADDRESS_TEXT])
{
    struct address a;
    if (!address_parse(text, strlen(text), &a)) {
        snprintf(out, ADDRESS_TEXT, "%s", text);
        return;
    }
    a = address_group(&a);
    address_print(&a, out);
}

static bool same_network(const unsigned char *a, const unsigned char *b, int bits)
{
    int bytes = bits / 8, rest = bits % 8;
    if (memcmp(a, b, (size_t)bytes) != 0) return false;
    return rest == 0 || (a[bytes] >> (8 - rest)) == (b[bytes] >> (8 - rest));
}

/* The next entry of a list. text: as it stands there, cut; "" = there is none between two commas. */
static bool read_network(const char **at, char text[ADDRESS_ENTRY], struct address *network, int *bits)
{
    const char *p = *at + strspn(*at, " ");
    size_t len = strcspn(p, ",");
    *at = p + len + (p[len] == ',');
    while (len > 0 && p[len - 1] == ' ') len--;
    snprintf(text, ADDRESS_ENTRY, "%.*s", (int)len, p);
    char bare[ADDRESS_ENTRY], *slash, *end;
    memcpy(bare, text, sizeof bare);
    *bits = 128;
    if ((slash = strchr(bare, '/')) != NULL) {
        *slash = 0;
        if (!isdigit((unsigned char)slash[1])) return false;
        long width = strtol(slash + 1, &end, 10), most = strchr(bare, ':') ? 128 : 32;
        if (*end || width > most) return false;
        *bits = (int)(width + 128 - most);
    }
    return len < ADDRESS_ENTRY && parse_bare(bare, network);
}

bool address_is_listed(const char *list, const struct address *a)
{
    char text[ADDRESS_ENTRY];
    struct address network;
    int bits;
    while (*list)
        if (read_network(&list, text, &network, &bits) && same_network(a->bytes, network.bytes, bits)) return true;
    return false;
}

bool address_list_is_sound(const char *list, char entry[ADDRESS_ENTRY])
{
    struct address network;
    int bits;
    while (*list)
        if (!read_network(&list, entry, &network, &bits) && *entry) return false;
    return true;
}
