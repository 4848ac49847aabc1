/* The secrets that must not be in a report: see report_internal.h. */
#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "conf/scrub.h"
#include "services/report/report_internal.h"

#define CODED_LEAST 8 /* bytes of a secret: of shorter ones too little is left that is surely theirs */

/* Base64 of a text that holds the secret: it begins at one of three places of a group of bytes. What depends on its
 * neighbours is left out. */
static void add_base64(struct scrub *scrub, const char *secret, size_t len, int variant)
{
    for (size_t shift = 0; shift < 3; shift++) {
        size_t size = sodium_base64_encoded_len(len + shift, variant);
        unsigned char *shifted = calloc(1, len + shift);
        char *text = malloc(size);
        if (shifted && text) {
            memcpy(shifted + shift, secret, len);
            sodium_bin2base64(text, size, shifted, len + shift, variant);
            size_t from = shift == 0 ? 0 : shift == 1 ? 2 : 3, to = (len + shift) * 8 / 6;
            scrub_add(scrub, text + from, to - from);
        } else {
            scrub->failed = true;
        }
        free(shifted);
        free(text);
    }
}

static void add_hex(struct scrub *scrub, const char *secret, size_t len)
{
    char *text = malloc(len * 2 + 1);
    if (!text) {
        scrub->failed = true;
        return;
    }
    sodium_bin2hex(text, len * 2 + 1, (const unsigned char *)secret, len);
    scrub_add(scrub, text, len * 2);
    for (size_t i = 0; i < len * 2; i++)
        if (text[i] >= 'a') text[i] = (char)(text[i] - 'a' + 'A');
    scrub_add(scrub, text, len * 2);
    free(text);
}

void report_secrets(struct scrub *scrub, const struct conf *conf)
{
    scrub_add_conf(scrub, conf);
    scrub_add_environment(scrub, conf);
    size_t count = scrub->count, len;
    for (size_t i = 0; i < count; i++) {
        const char *secret = scrub_secret(scrub, i, &len);
        if (len < CODED_LEAST) continue;
        add_base64(scrub, secret, len, sodium_base64_VARIANT_ORIGINAL);
        add_base64(scrub, secret, len, sodium_base64_VARIANT_URLSAFE);
        add_hex(scrub, secret, len);
    }
}
