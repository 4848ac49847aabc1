/* A TCP proxy in a process of its own, between a program under test and its server: answers can be held back for a
 * while, or be lost together with the connection after the server has done what was asked. */
#ifndef LOGIKALD_TESTS_SUPPORT_SERVERS_PROXY_H
#define LOGIKALD_TESTS_SUPPORT_SERVERS_PROXY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct proxy_rules {
    _Atomic int delay_ms; /* of every answer */
    _Atomic int cuts;     /* so many times: what contains needle reaches the server, its answer is lost, and the
                             connection breaks */
    _Atomic int cuts_made;
    _Atomic bool is_frozen; /* connections that are there move no byte any more, new ones do */
    char needle[64];        /* set before cuts */
};
struct proxy {
    int port;
    pid_t pid;
    struct proxy_rules *rules;
};
void proxy_start(struct proxy *p, int server_port);
void proxy_stop(struct proxy *p);

#endif
