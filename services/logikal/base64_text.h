/* Base64 as it arrives, in pieces of any length: what is nothing but its letters is decoded at once, white space and
 * the end by libcrypto's careful decoder, which takes three times as long. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_BASE64_TEXT_H
#define LOGIKALD_SERVICES_LOGIKAL_BASE64_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <openssl/evp.h>

#define BASE64_PIECE 12288 /* characters that are taken at once */

struct base64_text {
    EVP_ENCODE_CTX *decoder;
    unsigned char carried[4]; /* of a group that is not whole yet */
    size_t carried_len;
    bool is_careful; /* the decoder has it from here on */
    bool has_ended;  /* a '=' was there */
};

/* b is zero or was begun before. false: no memory. */
bool base64_text_begin(struct base64_text *b);
/* At most BASE64_PIECE characters; out has room for BASE64_PIECE bytes. How many bytes came of them; -1: it is none. */
int base64_text_add(struct base64_text *b, const char *text, size_t len, unsigned char *out);
/* The same for what was still to come; room for 64 bytes. */
int base64_text_end(struct base64_text *b, unsigned char *out);
void base64_text_free(struct base64_text *b);

#endif
