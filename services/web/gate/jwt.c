/* See jwt.h; the cryptography is libjwt's. A token that was found right is known again by its hash, since clients send
 * the same one for an hour and checking it is a quarter of the work of a cached answer. */
#include "services/web/gate/jwt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jwt.h>
#include <sodium.h>

#include "conf/clock.h"

static const unsigned char *key_of(const struct web *web, int *len)
{
    *len = (int)strlen(web->jwt_key);
    return (const unsigned char *)web->jwt_key;
}

/* ---- tokens seen before ---- */

#define SEEN_SLOTS 64

struct seen {
    unsigned char hash[32]; /* of the key and the token */
    struct jwt_claims claims;
};
static struct seen seen[SEEN_SLOTS];

static struct seen *seen_slot(const struct web *web, const char *token, unsigned char hash[32])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 32);
    crypto_generichash_update(&state, (const unsigned char *)web->jwt_key, sizeof web->jwt_key);
    crypto_generichash_update(&state, (const unsigned char *)token, strlen(token));
    crypto_generichash_final(&state, hash, 32);
    return &seen[hash[0] % SEEN_SLOTS];
}

/* ---- reading ---- */

static bool verify(const struct web *web, const char *token, struct jwt_claims *out)
{
    jwt_t *jwt = NULL;
    int len;
    const unsigned char *key = key_of(web, &len);
    if (len == 0 || jwt_decode(&jwt, token, key, len) != 0) return false;
    const char *client = jwt_get_grant(jwt, "sub");
    out->expires_s = jwt_get_grant_int(jwt, "exp");
    out->version = jwt_get_grant_int(jwt, "ver");
    bool is_good = jwt_get_alg(jwt) == JWT_ALG_HS256 && client && *client && strlen(client) < sizeof out->client_id &&
                   out->expires_s > wall_ms() / 1000;
    if (is_good) {
        char text[CLOCK_TEXT_SIZE];
        snprintf(out->client_id, sizeof out->client_id, "%s", client);
        snprintf(out->expires_at, sizeof out->expires_at, "%s", clock_iso_ms(out->expires_s * 1000, text));
    }
    jwt_free(jwt);
    return is_good;
}

bool jwt_read(const struct web *web, const char *token, struct jwt_claims *out)
{
    unsigned char hash[32];
    struct seen *slot = seen_slot(web, token, hash);
    if (memcmp(slot->hash, hash, sizeof hash) == 0) {
        *out = slot->claims;
        return out->expires_s > wall_ms() / 1000;
    }
    if (!verify(web, token, out)) return false;
    memcpy(slot->hash, hash, sizeof hash);
    slot->claims = *out;
    return true;
}

/* ---- writing ---- */

char *jwt_write(const struct web *web, const char *client_id, const char *permissions, int64_t version,
                int64_t lifetime_s)
{
    jwt_t *jwt = NULL;
    int len;
    int64_t now = wall_ms() / 1000;
    const unsigned char *key = key_of(web, &len);
    char *claims = NULL, *token = NULL, *out = NULL;
    if (len == 0 || jwt_new(&jwt) != 0) return NULL;
    if (asprintf(&claims, "{\"type\":\"client\",\"permissions\":%s}", permissions) < 0) claims = NULL;
    if (claims && jwt_add_grants_json(jwt, claims) == 0 && jwt_add_grant(jwt, "sub", client_id) == 0 &&
        jwt_add_grant(jwt, "client_id", client_id) == 0 && jwt_add_grant_int(jwt, "iat", now) == 0 &&
        jwt_add_grant_int(jwt, "exp", now + lifetime_s) == 0 && jwt_add_grant_int(jwt, "ver", version) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, key, len) == 0)
        token = jwt_encode_str(jwt);
    if (token) out = strdup(token);
    free(token);
    free(claims);
    jwt_free(jwt);
    return out;
}
