/* The key that signs client tokens, when none is configured (development only; production refuses to start without):
 * one row in PostgreSQL, made by whichever web process comes first, so that all processes take each other's tokens and
 * tokens outlive restarts. Until it is there, tokens can neither be made nor checked: 503. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_CREDENTIALS_SIGNING_KEY_H
#define LOGIKALD_SERVICES_WEB_GATE_CREDENTIALS_SIGNING_KEY_H

#include "services/web/http/req.h"

/* Asks PostgreSQL for the key unless it is there already. The database must be migrated. */
void signing_key_ask(struct web *web);

/* True when there is a key; else it has answered 503. */
bool signing_key_present(struct req *r);

#endif
