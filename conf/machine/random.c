/* Random numbers and identifiers from the kernel (getrandom). See random.h. */
#include "conf/machine/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *out, size_t len)
{
    unsigned char *p = out;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) abort();
        p += n;
        len -= (size_t)n;
    }
}

uint64_t random_u64(void)
{
    uint64_t v;
    random_bytes(&v, sizeof v);
    return v;
}

char *random_uuid4(char out[UUID_TEXT_SIZE])
{
    unsigned char b[16];
    random_bytes(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, UUID_TEXT_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return out;
}

void random_token_hex(char *out, size_t bytes)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char *drawn = (unsigned char *)out + bytes; /* the second half: overwritten as the digits come */
    random_bytes(drawn, bytes);
    for (size_t i = 0; i < bytes; i++) {
        unsigned char b = drawn[i];
        out[2 * i] = hex[b >> 4];
        out[2 * i + 1] = hex[b & 15];
    }
    out[2 * bytes] = 0;
}
