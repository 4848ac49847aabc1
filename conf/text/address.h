/* Addresses of clients: read from what sockets and headers say, compared and printed in one form. IPv4 is kept in its
 * IPv6 form (::ffff:a.b.c.d), so that one comparison serves both. */
#ifndef LOGIKALD_CONF_TEXT_ADDRESS_H
#define LOGIKALD_CONF_TEXT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#define ADDRESS_TEXT  48
#define ADDRESS_ENTRY 64

struct sockaddr;
struct address {
    unsigned char bytes[16];
};

/* An address as headers have it: with a port, in brackets, in quotes. False: it is none ("unknown", a name). */
bool address_parse(const char *text, size_t len, struct address *out);
bool address_of_socket(const struct sockaddr *socket, struct address *out); /* false: neither IPv4 nor IPv6 */
void address_print(const struct address *a, char out[ADDRESS_TEXT]);

/* Who counts as one: an IPv4 address, or the /64 of an IPv6 address, of which one client has all. */
struct address address_group(const struct address *a);
/* The same on text: what is no address stays as it is. */
void address_group_print(const char *text, char out[ADDRESS_TEXT]);

/* True when it lies in the comma separated list of addresses and networks (CIDR). */
bool address_is_listed(const char *list, const struct address *a);
/* False: this entry is neither, and would never match. */
bool address_list_is_sound(const char *list, char entry[ADDRESS_ENTRY]);

#endif
