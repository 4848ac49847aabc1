/* An HAProxy of the test's own: one TCP port in front of another. Stopped (SIGSTOP), it is a network in which every
 * byte is acknowledged and none arrives. */
#ifndef LOGIKALD_TESTS_SUPPORT_SERVERS_HAPROXY_H
#define LOGIKALD_TESTS_SUPPORT_SERVERS_HAPROXY_H

#include "tests/support/support.h"

struct haproxy {
    struct process process;
    int port;
};
bool haproxy_is_installed(void);
void haproxy_start(struct haproxy *h, int target_port);
/* The same with words after "bind ADDRESS:PORT": " ssl crt FILE ..."; nothing is waited for but the port. */
void haproxy_start_with(struct haproxy *h, int target_port, const char *bind_words);
void haproxy_freeze(struct haproxy *h, bool is_frozen);
void haproxy_stop(struct haproxy *h);

#endif
