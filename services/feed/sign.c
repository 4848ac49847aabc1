/* Signatures of deliveries, HMAC-SHA256 under each secret of the endpoint. */
#include "services/feed/sign.h"

#include <string.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#define PREFIX    "whsec_"
#define BYTES_MAX 128

int sign_add(struct buf *out, const char *secret, const char *id, int64_t timestamp_s, const char *body,
             struct err *err)
{
    unsigned char key[BYTES_MAX], mac[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE];
    size_t len = 0;
    unsigned mac_len = 0;
    struct buf signed_text = {0};
    if (strncmp(secret, PREFIX, sizeof PREFIX - 1) != 0 ||
        sodium_base642bin(key, sizeof key, secret + sizeof PREFIX - 1, strlen(secret) - sizeof PREFIX + 1, NULL, &len,
                          NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        len == 0)
        return err_set(err, ERR_INPUT, "a secret is not \"" PREFIX "\" and base64: rotate it");
    buf_printf(&signed_text, "%s.%lld.", id, (long long)timestamp_s);
    buf_str(&signed_text, body);
    unsigned char *made = signed_text.failed
                              ? NULL
                              : HMAC(EVP_sha256(), key, (int)len, (const unsigned char *)signed_text.data,
                                     signed_text.len, mac, &mac_len);
    buf_free(&signed_text);
    sodium_memzero(key, sizeof key);
    if (!made) return err_set(err, ERR_NOMEM, "no memory for a signature");
    sodium_bin2base64(text, sizeof text, mac, mac_len, sodium_base64_VARIANT_ORIGINAL);
    buf_printf(out, "%sv1,%s", out->len ? " " : "", text);
    return out->failed ? err_set(err, ERR_NOMEM, "no memory for a signature") : 0;
}
