/* Tries to log in. Each counts from its start, by the address it comes from (of IPv6 the /64) and the account it is
 * for, together: five wrong ones are free, then that address waits for that account, 2 s doubling up to 15 minutes.
 * Nobody else's failures ever refuse a right secret; where there are many (from one address, or of one kind over all),
 * tries only take longer. Two of an address are under way at a time, the others stand in line.
 *
 * Counted here is what this process sees. The table is bounded; what is locked is forgotten last. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_CREDENTIALS_ATTEMPTS_H
#define LOGIKALD_SERVICES_WEB_GATE_CREDENTIALS_ATTEMPTS_H

#include "services/web/http/req.h"

#define ATTEMPTS_AT_ONCE 2  /* of an address */
#define ATTEMPTS_IN_LINE 32 /* of an address; more are answered 429 */
#define ATTEMPTS_FREE    5  /* failures before the first wait */

enum attempt_kind { ATTEMPT_ADMIN, ATTEMPT_CLIENT, ATTEMPT_UPSTREAM, ATTEMPT_KINDS };
/* How much is to be said for it, the best first: the account has logged in from there within a day; nothing is known;
 * tries from this address have failed. */
enum attempt_rank { ATTEMPT_KNOWN, ATTEMPT_NEW, ATTEMPT_SUSPECT };

struct attempts *attempts_new(struct web *web); /* NULL without memory */
void attempts_free(struct attempts *a);         /* no request may be trying any more; NULL is fine */

/* Goes on with go when it is the try's turn, at once or later; or answers 429. go ends it by one of the two below, or
 * by an answer without either, which then counts for nothing. account "" = one that cannot be. */
void attempt_begin(struct req *r, enum attempt_kind kind, const char *account, void (*go)(struct req *r));
enum attempt_rank attempt_rank(const struct req *r);
void attempt_succeeded(struct req *r); /* forgets the failures of this address with this account, and no others */
void attempt_failed(struct req *r);

#endif
