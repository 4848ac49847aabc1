/* Looks a token of the table sessions up and makes its owner the one who asks. */
#include "services/web/gate/upstream_token.h"

#include <stdio.h>
#include <string.h>

#include "services/store/web/access/upstream_tokens.h"
#include "services/web/gate/credentials/identities.h"
#include "services/web/gate/limiter.h"
#include "services/web/gate/route.h"
#include "services/web/gate/session.h"

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
        snprintf(r->who.name, sizeof r->who.name, "logikal:%.200s", PQgetvalue(result, 0, 0));
        snprintf(r->who.expires_at, sizeof r->who.expires_at, "%s", PQgetvalue(result, 0, 1));
    }
    l->next(r);
}

bool upstream_token_identify(struct req *r, void (*next)(struct req *r))
{
    const char *token = evhttp_find_header(&r->query, "token");
    char id[65];
    if (!token || !strstr(r->route->query, "token?:") || !session_id_of(token, id)) return false;
    struct upstream_lookup *l = req_alloc(r, sizeof *l);
    l->next = next;
    snprintf(l->key, sizeof l->key, "upstream %s", id);
    if (!identity_is_known(l->key) && !limiter_admits(r)) return true; /* as of sessions: it counts before it costs */
    req_query_with(r, &query_upstream_token_get, 1, (const char *[]){id}, then_identified, l);
    return true;
}
