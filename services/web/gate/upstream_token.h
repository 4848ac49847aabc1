/* Clients that log in with Logikal's own credentials, as the replaced system had them do: they get a token that reads
 * what is stored. Their calls carry it as ?token=; it is kept as a hash in the table sessions, and ends with the
 * credentials that it was given out for. Logikal itself is not asked: its sessions are the sync's. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_UPSTREAM_TOKEN_H
#define LOGIKALD_SERVICES_WEB_GATE_UPSTREAM_TOKEN_H

#include "services/web/http/req.h"

#define UPSTREAM_ID_SIZE 65

/* The key of a token's row, as the settings are now; false when it is no such token. */
bool upstream_token_id(const struct web *web, const char *token, char out[UPSTREAM_ID_SIZE]);

/* True when the request carries such a token (and its route takes one): it is looked up, and next goes on. */
bool upstream_token_identify(struct req *r, void (*next)(struct req *r));

#endif
