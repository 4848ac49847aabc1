/* Tokens of clients: JWT, HS256, signed with web->jwt_key; without one no token is right. Each names its key (kid), so
 * that one signed with the key before (web->jwt_previous) is right as long as that is kept. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_CREDENTIALS_JWT_H
#define LOGIKALD_SERVICES_WEB_GATE_CREDENTIALS_JWT_H

#include <stdbool.h>
#include <stdint.h>

#include "services/web/http/req.h"

struct jwt_claims {
    char client_id[WHO_NAME_SIZE];
    char scope[128]; /* what the token may at most, words split by blanks; "" = all that its client may */
    int64_t version; /* of the client's secret */
    int64_t expires_s;
    char expires_at[40];
};

/* True when the token is ours, signed by us, and not expired. */
bool jwt_read(const struct web *web, const char *token, struct jwt_claims *out);
/* A token for the client; the caller frees it. NULL without memory. permissions: a JSON list. scope: NULL =
 * none. */
char *jwt_write(const struct web *web, const char *client_id, const char *permissions, const char *scope,
                int64_t version, int64_t lifetime_s);

#endif
