/* Secrets encrypted under SECRET_KEY for the database, and opened again. */
#include "services/store/seal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "conf/machine/random.h"

#define PLAIN      "plain:"
#define SEALED     "sealed1:"
#define SECRET_MAX 512
#define BYTES_MAX  (crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + SECRET_MAX)

/* The same SECRET_KEY signs sessions: the name keeps the two apart. */
static void key_of(const char *secret_key, unsigned char key[crypto_secretbox_KEYBYTES])
{
    static const char name[] = "logikald seal of webhook secrets";
    crypto_generichash(key, crypto_secretbox_KEYBYTES, (const unsigned char *)secret_key, strlen(secret_key),
                       (const unsigned char *)name, sizeof name - 1);
}

static char *joined(const char *head, const char *tail)
{
    size_t size = strlen(head) + strlen(tail) + 1;
    char *out = malloc(size);
    if (!out) return NULL;
    memcpy(out, head, strlen(head));
    memcpy(out + strlen(head), tail, strlen(tail) + 1);
    return out;
}

char *seal_close(const char *secret_key, const char *secret, struct err *err)
{
    unsigned char key[crypto_secretbox_KEYBYTES], bytes[BYTES_MAX];
    char text[sodium_base64_ENCODED_LEN(BYTES_MAX, sodium_base64_VARIANT_ORIGINAL)];
    size_t len = strlen(secret);
    if (len > SECRET_MAX || sodium_init() < 0) return err_set(err, ERR_LIMIT, "the secret is too long"), NULL;
    char *out;
    if (*secret_key) {
        key_of(secret_key, key);
        random_bytes(bytes, crypto_secretbox_NONCEBYTES);
        crypto_secretbox_easy(bytes + crypto_secretbox_NONCEBYTES, (const unsigned char *)secret, len, bytes, key);
        sodium_bin2base64(text, sizeof text, bytes, crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + len,
                          sodium_base64_VARIANT_ORIGINAL);
        sodium_memzero(key, sizeof key);
        out = joined(SEALED, text);
    } else {
        out = joined(PLAIN, secret);
    }
    if (!out) err_set(err, ERR_NOMEM, "no memory");
    return out;
}

static char *open_with(const char *secret_key, const unsigned char *bytes, size_t len)
{
    unsigned char key[crypto_secretbox_KEYBYTES];
    size_t text_len = len - crypto_secretbox_NONCEBYTES - crypto_secretbox_MACBYTES;
    char *out = calloc(1, text_len + 1);
    if (!out || !*secret_key) {
        free(out);
        return NULL;
    }
    key_of(secret_key, key);
    int rc = crypto_secretbox_open_easy((unsigned char *)out, bytes + crypto_secretbox_NONCEBYTES,
                                        len - crypto_secretbox_NONCEBYTES, bytes, key);
    sodium_memzero(key, sizeof key);
    if (rc == 0) return out;
    free(out);
    return NULL;
}

char *seal_open(const char *const secret_keys[], int count, const char *sealed, struct err *err)
{
    unsigned char bytes[BYTES_MAX];
    size_t len = 0;
    char *out = NULL;
    if (strncmp(sealed, PLAIN, sizeof PLAIN - 1) == 0) {
        out = strdup(sealed + sizeof PLAIN - 1);
        if (!out) err_set(err, ERR_NOMEM, "no memory");
        return out;
    }
    bool is_ours =
        strncmp(sealed, SEALED, sizeof SEALED - 1) == 0 && sodium_init() >= 0 &&
        sodium_base642bin(bytes, sizeof bytes, sealed + sizeof SEALED - 1, strlen(sealed) - sizeof SEALED + 1, NULL,
                          &len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
        len >= crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    for (int i = 0; is_ours && !out && i < count; i++) out = open_with(secret_keys[i], bytes, len);
    if (!out)
        err_set(err, ERR_CONFIG,
                "the secret cannot be read with this SECRET_KEY: give this process the one that web has, or rotate the "
                "endpoint's secret");
    return out;
}
