/* The key of client tokens that no setting gives: made once in PostgreSQL, shared by all processes. */
#include "services/web/gate/credentials/signing_key.h"

#include <stdio.h>
#include <sodium.h>

#include "conf/log.h"
#include "conf/machine/random.h"
#include "services/store/web/access/access_read.h"
#include "services/web/http/reply.h"

static void on_key(void *arg, const PGresult *result, const struct err *err)
{
    static bool is_told; /* it is asked again every second */
    struct web *web = arg;
    if (err) {
        if (!is_told) log_error("the key of the client tokens cannot be read: %s", err->text);
        is_told = true;
        return;
    }
    snprintf(web->jwt_key, sizeof web->jwt_key, "%.128s", PQgetvalue(result, 0, 0));
    log_warning("JWT_SECRET_KEY is not set: client tokens are signed with a key that is kept in PostgreSQL");
}

void signing_key_ask(struct web *web)
{
    char fresh[65];
    if (*web->jwt_key) return;
    random_token_hex(fresh, 32);
    pool_query(web->pool, &query_web_key, 1, (const char *[]){fresh}, on_key, web);
    sodium_memzero(fresh, sizeof fresh);
}

bool signing_key_present(struct req *r)
{
    if (*r->web->jwt_key) return true;
    reply_unavailable(r, r->web->pool ? 2 : 30, "Client tokens cannot be checked: JWT_SECRET_KEY is not set, and %s",
                      r->web->pool ? "PostgreSQL, which keeps the key, is not there yet" : "neither is DATABASE_URL");
    return false;
}
