/* What is known of the certificate of whom we talk to by TLS. */
#ifndef LOGIKALD_IPC_CERTIFICATE_H
#define LOGIKALD_IPC_CERTIFICATE_H

#include <stdint.h>

struct ssl_st;
int64_t certificate_ends_s(const struct ssl_st *ssl); /* unix time; 0 = there is none. NULL is fine */

#endif
