/* An HAProxy of the test's own: one TCP port in front of another. Stopped (SIGSTOP), it is a network in which every
 * byte is acknowledged and none arrives. */
#ifndef LOGIKALD_TESTS_SUPPORT_HAPROXY_H
#define LOGIKALD_TESTS_SUPPORT_HAPROXY_H

#include "tests/support/support.h"

struct haproxy {
    struct process process;
    int port;
};
bool haproxy_is_installed(void);
void haproxy_start(struct haproxy *h, int target_port);
void haproxy_freeze(struct haproxy *h, bool is_frozen);
void haproxy_stop(struct haproxy *h);

#endif
