/* See jwt.h; the cryptography is libjwt's. A token that was found right is known again, since clients send the same one
 * for an hour and checking it is a quarter of the work of a cached answer. */
#include "services/web/gate/credentials/jwt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <jwt.h>
#include <sodium.h>

#include "conf/clock.h"

#define KID_SIZE 17

/* Names a key, and tells nothing of it. */
static void kid_of(const char *key, char out[KID_SIZE])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)"kid", 3);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(out, KID_SIZE, mac, KID_SIZE / 2);
}

/* The name in a token's header; false when it has none, as those of earlier versions. */
static bool kid_in(const char *token, char out[KID_SIZE])
{
    char header[512];
    size_t n = 0;
    if (sodium_base642bin((unsigned char *)header, sizeof header - 1, token, strcspn(token, "."), NULL, &n, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return false;
    header[n] = 0;
    cJSON *json = cJSON_Parse(header);
    const char *kid = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "kid"));
    if (kid) snprintf(out, KID_SIZE, "%s", kid);
    cJSON_Delete(json);
    return kid != NULL;
}

/* ---- tokens seen before ---- */

#define SEEN_SLOTS 64

struct seen {
    char *token; /* NULL: empty */
    size_t len;
    struct jwt_claims claims;
};
static struct seen seen[SEEN_SLOTS];

/* Tokens of another signing key were not seen. */
static void seen_keep_to_key(const struct web *web)
{
    static char of[sizeof web->jwt_key];
    if (memcmp(of, web->jwt_key, sizeof of) == 0) return;
    memcpy(of, web->jwt_key, sizeof of);
    for (int i = 0; i < SEEN_SLOTS; i++) {
        free(seen[i].token);
        seen[i] = (struct seen){0};
    }
}

/* By the end of its signature, which nobody chooses who has a token that is right. */
static struct seen *seen_slot(const char *token, size_t len)
{
    uint64_t tail = 0;
    if (len >= sizeof tail) memcpy(&tail, token + len - sizeof tail, sizeof tail);
    return &seen[tail * 11400714819323198485u >> 32 & (SEEN_SLOTS - 1)];
}

/* Takes as long wherever they differ: who tries tokens learns nothing of one that is right. */
static bool is_same(const char *a, const char *b, size_t len)
{
    uint64_t one, other, differ = 0;
    size_t at = 0;
    for (; len - at >= sizeof one; at += sizeof one) {
        memcpy(&one, a + at, sizeof one);
        memcpy(&other, b + at, sizeof other);
        differ |= one ^ other;
    }
    for (; at < len; at++) differ |= (unsigned char)(a[at] ^ b[at]);
    return differ == 0;
}

static void seen_keep(struct seen *slot, const char *token, size_t len, const struct jwt_claims *claims)
{
    free(slot->token);
    *slot = (struct seen){.token = strdup(token), .len = len, .claims = *claims};
}

/* ---- reading ---- */

static bool take_claims(jwt_t *jwt, struct jwt_claims *out)
{
    const char *client = jwt_get_grant(jwt, "sub"), *scope = jwt_get_grant(jwt, "scope");
    char text[CLOCK_TEXT_SIZE];
    out->expires_s = jwt_get_grant_int(jwt, "exp");
    out->version = jwt_get_grant_int(jwt, "ver");
    if (jwt_get_alg(jwt) != JWT_ALG_HS256 || !client || !*client || strlen(client) >= sizeof out->client_id ||
        (scope && strlen(scope) >= sizeof out->scope) || out->expires_s <= wall_ms() / 1000)
        return false;
    snprintf(out->client_id, sizeof out->client_id, "%s", client);
    snprintf(out->scope, sizeof out->scope, "%s", scope ? scope : "");
    snprintf(out->expires_at, sizeof out->expires_at, "%s", clock_iso_ms(out->expires_s * 1000, text));
    return true;
}

static bool verify_with(const char *key, const char *token, struct jwt_claims *out)
{
    jwt_t *jwt = NULL;
    if (!*key || jwt_decode(&jwt, token, (const unsigned char *)key, (int)strlen(key)) != 0) return false;
    bool is_good = take_claims(jwt, out);
    jwt_free(jwt);
    return is_good;
}

static bool verify(const struct web *web, const char *token, struct jwt_claims *out)
{
    const char *const keys[] = {web->jwt_key, web->jwt_previous};
    char named[KID_SIZE], kid[KID_SIZE];
    bool is_named = kid_in(token, named);
    for (int i = 0; i < 2; i++) {
        kid_of(keys[i], kid);
        if (is_named && strcmp(named, kid) != 0) continue;
        if (verify_with(keys[i], token, out)) return true;
    }
    return false;
}

bool jwt_read(const struct web *web, const char *token, struct jwt_claims *out)
{
    size_t len = strlen(token);
    struct seen *slot = seen_slot(token, len);
    seen_keep_to_key(web);
    if (slot->token && slot->len == len && is_same(slot->token, token, len)) {
        *out = slot->claims;
        return out->expires_s > wall_ms() / 1000;
    }
    if (!verify(web, token, out)) return false;
    seen_keep(slot, token, len, out);
    return true;
}

/* ---- writing ---- */

static bool add_claims(jwt_t *jwt, const char *client_id, const char *permissions, const char *scope, int64_t version,
                       int64_t lifetime_s)
{
    int64_t now = wall_ms() / 1000;
    char *claims = NULL;
    if (asprintf(&claims, "{\"type\":\"client\",\"permissions\":%s}", permissions) < 0) return false;
    bool is_good = jwt_add_grants_json(jwt, claims) == 0 && jwt_add_grant(jwt, "sub", client_id) == 0 &&
                   jwt_add_grant(jwt, "client_id", client_id) == 0 && jwt_add_grant_int(jwt, "iat", now) == 0 &&
                   jwt_add_grant_int(jwt, "exp", now + lifetime_s) == 0 &&
                   jwt_add_grant_int(jwt, "ver", version) == 0 && (!scope || jwt_add_grant(jwt, "scope", scope) == 0);
    free(claims);
    return is_good;
}

char *jwt_write(const struct web *web, const char *client_id, const char *permissions, const char *scope,
                int64_t version, int64_t lifetime_s)
{
    jwt_t *jwt = NULL;
    char kid[KID_SIZE], *token = NULL, *out = NULL;
    if (!*web->jwt_key || jwt_new(&jwt) != 0) return NULL;
    kid_of(web->jwt_key, kid);
    if (add_claims(jwt, client_id, permissions, scope, version, lifetime_s) && jwt_add_header(jwt, "kid", kid) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)web->jwt_key, (int)strlen(web->jwt_key)) == 0)
        token = jwt_encode_str(jwt);
    if (token) out = strdup(token);
    free(token);
    jwt_free(jwt);
    return out;
}
