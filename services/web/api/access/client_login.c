/* A client's secret checked, throttled and counted, for both ways to a token. */
#include "services/web/api/access/client_login.h"

#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "conf/log.h"
#include "services/store/web/access/clients_read.h"
#include "services/web/gate/credentials/attempts.h"
#include "services/web/gate/credentials/hasher.h"
#include "services/web/gate/credentials/signing_key.h"
#include "services/web/http/reply.h"

void secret_hint(const char *secret, char out[SECRET_HINT_SIZE])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)secret, strlen(secret));
    sodium_bin2hex(out, SECRET_HINT_SIZE, hash, SECRET_HINT_SIZE / 2);
}

void reply_token_take(struct req *r, char *token, cJSON *out)
{
    if (token) {
        reply_cjson_take(r, 200, out);
    } else {
        cJSON_Delete(out);
        reply_detail(r, 500, "No token could be made");
    }
    free(token);
}

static void then_used(struct req *r, const PGresult *result)
{
    (void)result;
    struct client_login *l = r->state;
    l->then(r, true);
}

static void on_rehashed(void *arg, const char *hash)
{
    struct req *r = arg;
    struct client_login *l = r->state;
    if (hash)
        req_query(r, &query_client_rehashed, 2, (const char *[]){l->client_id, hash}, then_used);
    else
        req_query(r, &query_client_used, 1, (const char *[]){l->client_id}, then_used);
}

static void on_verified(void *arg, bool is_right, bool is_outdated)
{
    struct req *r = arg;
    struct client_login *l = r->state;
    if (!is_right || !l->exists) {
        attempt_failed(r);
        log_warning("a login as client %.100s failed, from %s", l->client_id, r->address);
        l->then(r, false);
        return;
    }
    attempt_succeeded(r);
    bool is_kept = !is_outdated || l->is_previous;
    if (is_kept || !hasher_hash(r->web->hasher, l->secret, on_rehashed, r)) on_rehashed(r, NULL);
}

static void then_row(struct req *r, const PGresult *result)
{
    struct client_login *l = r->state;
    struct hash_check check = {.secret = l->secret, .rank = attempt_rank(r)};
    check.dearest = (int)strtol(PQgetvalue(result, 0, 5), NULL, 10);
    l->exists = !PQgetisnull(result, 0, 0);
    if (l->exists) {
        check.hash = PQgetvalue(result, 0, 0);
        l->name = req_strdup(r, PQgetvalue(result, 0, 1));
        l->permissions = req_strdup(r, PQgetvalue(result, 0, 2));
        l->rate_limit = req_strdup(r, PQgetvalue(result, 0, 3));
        l->version = strtoll(PQgetvalue(result, 0, 4), NULL, 10);
        l->is_previous = *PQgetvalue(result, 0, 6) == 't';
    }
    if (!hasher_verify(r->web->hasher, &check, on_verified, r)) reply_unavailable(r, 2, "Too many logins at once");
}

static void try_login(struct req *r)
{
    struct client_login *l = r->state;
    char hint[SECRET_HINT_SIZE];
    secret_hint(l->secret, hint);
    req_query(r, &query_client_secret, 2, (const char *[]){l->client_id, hint}, then_row);
}

void client_login(struct req *r, struct client_login *l)
{
    if (!signing_key_present(r)) return;
    r->state = l;
    attempt_begin(r, ATTEMPT_CLIENT, l->client_id, try_login);
}
