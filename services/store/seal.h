/* Secrets that have to be read again (those that sign webhooks), as they stand in the database.
 *
 * With SECRET_KEY they are encrypted under a key that is made of it (libsodium's secretbox: XSalsa20-Poly1305, a fresh
 * nonce each), so that a dump of the database has none of them: "sealed1:" and base64. Without SECRET_KEY there is
 * nothing to encrypt with, and they stand as they are: "plain:" and the text. */
#ifndef LOGIKALD_SERVICES_STORE_SEAL_H
#define LOGIKALD_SERVICES_STORE_SEAL_H

#include "conf/err.h"

/* Both give text of the caller's, or NULL with err. Where an older key is known, what it sealed opens too. */
char *seal_close(const char *secret_key, const char *secret, struct err *err);
char *seal_open(const char *const secret_keys[], int count, const char *sealed, struct err *err);

#endif
