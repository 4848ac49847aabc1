/* Decoding base64: see base64_text.h. */
#include "services/logikal/base64_text.h"

#include <string.h>

bool base64_text_begin(struct base64_text *b)
{
    if (!b->decoder) b->decoder = EVP_ENCODE_CTX_new();
    b->carried_len = 0;
    b->is_careful = b->has_ended = false;
    if (b->decoder) EVP_DecodeInit(b->decoder);
    return b->decoder != NULL;
}

void base64_text_free(struct base64_text *b)
{
    EVP_ENCODE_CTX_free(b->decoder);
    *b = (struct base64_text){0};
}

/* Whole groups of nothing but letters. false: there is something else among them, and nothing of it was taken. */
static bool take_groups(const unsigned char *text, size_t len, unsigned char *out)
{
    /* The block decoder takes '=' for a letter, and is silent about white space at either end, but then gives less. */
    return !memchr(text, '=', len) && EVP_DecodeBlock(out, text, (int)len) == (int)(len / 4 * 3);
}

/* What the decoder takes without a word, or not, by how it is cut into pieces: '-', which is an end to it, and more
 * behind the end. */
static bool is_orderly(struct base64_text *b, const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '-' || (b->has_ended && !strchr("= \t\r\n", text[i]))) return false;
        if (text[i] == '=') b->has_ended = true;
    }
    return true;
}

static int add_carefully(struct base64_text *b, const unsigned char *text, size_t len, unsigned char *out)
{
    int first = 0, n = 0;
    if (!is_orderly(b, b->carried, b->carried_len) || !is_orderly(b, text, len)) return -1;
    if (b->carried_len && EVP_DecodeUpdate(b->decoder, out, &first, b->carried, (int)b->carried_len) < 0) return -1;
    b->carried_len = 0;
    b->is_careful = true;
    return EVP_DecodeUpdate(b->decoder, out + first, &n, text, (int)len) < 0 ? -1 : first + n;
}

int base64_text_add(struct base64_text *b, const char *text, size_t len, unsigned char *out)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + len;
    int taken = 0;
    if (b->is_careful) return add_carefully(b, at, len, out);
    while (b->carried_len > 0 && b->carried_len < 4 && at < end) b->carried[b->carried_len++] = *at++;
    if (b->carried_len == 4) {
        if (!take_groups(b->carried, 4, out)) return add_carefully(b, at, (size_t)(end - at), out);
        b->carried_len = 0;
        taken = 3;
    }
    size_t whole = (size_t)(end - at) / 4 * 4;
    if (whole > 0 && !take_groups(at, whole, out + taken)) {
        int n = add_carefully(b, at, (size_t)(end - at), out + taken);
        return n < 0 ? n : taken + n;
    }
    taken += (int)(whole / 4 * 3);
    for (at += whole; at < end; at++) b->carried[b->carried_len++] = *at;
    return taken;
}

int base64_text_end(struct base64_text *b, unsigned char *out)
{
    int n = 0;
    if (!b->is_careful && b->carried_len == 0) return 0;
    int before = add_carefully(b, (const unsigned char *)"", 0, out);
    return before >= 0 && EVP_DecodeFinal(b->decoder, out + before, &n) == 1 ? before + n : -1;
}
