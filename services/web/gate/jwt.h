/* Tokens of clients: JWT, HS256, signed with web->jwt_key; without one no token is right. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_JWT_H
#define LOGIKALD_SERVICES_WEB_GATE_JWT_H

#include <stdbool.h>
#include <stdint.h>

#include "services/web/web.h"

struct jwt_claims {
    char client_id[256];
    int64_t version; /* of the client's secret */
    int64_t expires_s;
    char expires_at[40];
};

/* True when the token is ours, signed by us, and not expired. */
bool jwt_read(const struct web *web, const char *token, struct jwt_claims *out);
/* A token for the client; the caller frees it. NULL without memory. permissions: a JSON list. */
char *jwt_write(const struct web *web, const char *client_id, const char *permissions, int64_t version,
                int64_t lifetime_s);

#endif
