/* Passwords and client secrets: argon2id, computed beside the loop, one at a time, so that neither the loop nor a small
 * machine's memory feels it (19 MiB while it runs). Hashes of the replaced system (bcrypt) are verified as well.
 *
 * A wrong secret takes as long for one hash as for another, and for none: with bcrypt hashes about, each refusal costs
 * an argon2id and as much bcrypt as the dearest of them. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_CREDENTIALS_HASHER_H
#define LOGIKALD_SERVICES_WEB_GATE_CREDENTIALS_HASHER_H

#include <stdbool.h>

#include "services/web/gate/credentials/attempts.h"

struct hasher *hasher_new(struct web *web); /* NULL without memory; starts nothing yet */
void hasher_free(struct hasher *h);         /* waits for the one that is running; nobody is called any more */

/* hash is NULL when there was no memory. */
typedef void (*hash_fn)(void *arg, const char *hash);
/* is_outdated: right, but hashed in a way that should be replaced. */
typedef void (*hash_verify_fn)(void *arg, bool is_right, bool is_outdated);

/* What is to be verified. hash NULL: there is none, and no secret is right. */
struct hash_check {
    const char *secret, *hash;
    int dearest;            /* log2 of the rounds of the dearest bcrypt hash about; 0 = there is none */
    enum attempt_rank rank; /* better ones come first, and have room when the others have none */
};

/* False when too many wait already: then fn is not called. */
bool hasher_hash(struct hasher *h, const char *secret, hash_fn fn, void *arg);
bool hasher_verify(struct hasher *h, const struct hash_check *check, hash_verify_fn fn, void *arg);

#endif
