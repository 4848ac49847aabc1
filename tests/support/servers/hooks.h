/* A receiver of webhooks (tests/hooks/receiver.py) and what it got. */
#ifndef LOGIKALD_TESTS_SUPPORT_SERVERS_HOOKS_H
#define LOGIKALD_TESTS_SUPPORT_SERVERS_HOOKS_H

#include <cjson/cJSON.h>

#include "tests/support/support.h"

struct receiver {
    struct process process;
    char dir[256], url[64];
    const char *certificate, *key; /* for https; NULL = http */
};

void receiver_start(struct receiver *r); /* again: on the same port, with what it got so far */
void receiver_kill(struct receiver *r);  /* -9 */
/* The requests of a path, in order, each {t, path, taken, headers, raw, body}; the caller's. */
cJSON *receiver_got(const struct receiver *r, const char *path);
int receiver_count(const struct receiver *r, const char *path);
/* Every request so far is signed with each of the secrets (NULL-terminated), as Python's hmac and the npm package
 * standardwebhooks see it; fails the test else. */
void receiver_verify(const struct receiver *r, const char *const secrets[]);
/* The same by Python's hmac alone; the sender's clock may be wrong by so much. "" = they are, else what is not; free()
 * it. */
char *receiver_forged(const struct receiver *r, const char *secret, int clock_seconds);

#endif
