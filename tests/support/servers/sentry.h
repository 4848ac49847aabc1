/* Genuine Sentinels of a test, whose password is "guard"; that of what they guard is "data". */
#ifndef LOGIKALD_TESTS_SUPPORT_SERVERS_SENTRY_H
#define LOGIKALD_TESTS_SUPPORT_SERVERS_SENTRY_H

#include <hiredis/hiredis.h>

#include "tests/support/support.h"

struct sentry {
    struct process process;
    int port;
};

redisContext *sentry_connect(int port, const char *password); /* to a Sentinel, or to what it guards */
/* The answer as text or number, the command as printf; "" when there is none. */
const char *sentry_say(redisContext *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same of a Sentinel. */
const char *sentry_ask(const struct sentry *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void sentry_start(struct sentry *s, const char *name);
void sentry_start_with(struct sentry *s, const char *name, const char *more); /* by TLS, with these lines more */
/* It guards the master of this name, beside one other Sentinel at least. */
void sentry_watch(const struct sentry *s, const char *name, int port);
int sentry_count(const struct sentry *s, const char *what); /* of mymaster: "replicas", "sentinels" */

#endif
