/* Looks a token of the table sessions up and makes its owner the one who asks. */
#include "services/web/gate/upstream_token.h"

#include <stdio.h>
#include <string.h>
#include <sodium.h>

#include "services/store/web/access/upstream_tokens.h"
#include "services/web/gate/credentials/identities.h"
#include "services/web/gate/limiter.h"
#include "services/web/gate/route.h"
#include "services/web/gate/session.h"

/* Under the token, which PostgreSQL does not have, of what was right when it was given out: with another server, user
 * or password its row is not found any more. */
bool upstream_token_id(const struct web *web, const char *token, char out[UPSTREAM_ID_SIZE])
{
    static const enum setting_id parts[] = {SET_LOGIKAL_URL, SET_LOGIKAL_USER, SET_LOGIKAL_PASSWORD};
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    char id[65];
    if (!session_id_of(token, id)) return false;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)token, strlen(token));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *text = conf_str(web->conf, parts[i]);
        crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, strlen(text) + 1);
    }
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(out, UPSTREAM_ID_SIZE, mac, sizeof mac);
    return true;
}

struct upstream_lookup {
    void (*next)(struct req *r);
    char key[80]; /* in the identities, where it only says that there was such a token */
};

static void then_identified(struct req *r, const PGresult *result, void *arg)
{
    const struct upstream_lookup *l = arg;
    identity_remember(l->key, 0, &(struct identity){.exists = PQntuples(result) > 0});
    if (PQntuples(result) > 0) {
        r->who.kind = WHO_CLIENT;
        r->who.permissions = PERM_PROJECTS | PERM_ELEVATIONS | PERM_SYNC;
        snprintf(r->who.name, sizeof r->who.name, "logikal:%s", PQgetvalue(result, 0, 0));
        snprintf(r->who.expires_at, sizeof r->who.expires_at, "%s", PQgetvalue(result, 0, 1));
    }
    l->next(r);
}

bool upstream_token_identify(struct req *r, void (*next)(struct req *r))
{
    const char *token = evhttp_find_header(&r->query, "token");
    char id[UPSTREAM_ID_SIZE];
    if (!token || !strstr(r->route->query, "token?:") || !upstream_token_id(r->web, token, id)) return false;
    struct upstream_lookup *l = req_alloc(r, sizeof *l);
    l->next = next;
    snprintf(l->key, sizeof l->key, "upstream %s", id);
    if (!identity_is_known(l->key) && !limiter_admits(r)) return true; /* as of sessions: it counts before it costs */
    req_query_with(r, &query_upstream_token_get, 1, (const char *[]){id}, then_identified, l);
    return true;
}
