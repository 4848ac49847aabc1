/* Hashing and GUIDs: see hash.h. The mixing function is the finaliser of SplitMix64 (Steele, Lea, Flood 2014). */
#include "tests/sim/world/hash.h"

#include <ctype.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define GOLDEN     0x9e3779b97f4a7c15ULL
#define INDEX_MASK ((1ULL << 62) - 1)

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

uint64_t hash3(uint64_t a, uint64_t b, uint64_t c)
{
    return mix(mix(mix(a + GOLDEN) ^ (b + GOLDEN)) + (c ^ GOLDEN));
}

uint64_t hash_next(uint64_t *state)
{
    *state += GOLDEN;
    return mix(*state);
}

/* The upper half says who made it (with the version digit 4 in its place), the lower half hides the index. */
static uint64_t guid_upper(uint64_t seed, unsigned domain, uint64_t index)
{
    return (hash3(seed, domain, index) & ~0xf000ULL) | 0x4000ULL;
}

char *guid_make(uint64_t seed, unsigned domain, uint64_t index, char out[GUID_SIZE])
{
    uint64_t upper = guid_upper(seed, domain, index);
    uint64_t lower = ((hash3(upper, seed, domain) ^ index) & INDEX_MASK) | (1ULL << 63);

    snprintf(out, GUID_SIZE, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(upper >> 32), (unsigned)(upper >> 16) & 0xffff,
             (unsigned)upper & 0xffff, (unsigned)(lower >> 48), (unsigned long long)(lower & 0xffffffffffffULL));
    return out;
}

bool guid_is_valid(const char *text)
{
    for (int i = 0; i < GUID_SIZE - 1; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) return false;
    }
    return text[GUID_SIZE - 1] == 0;
}

bool guid_read(uint64_t seed, unsigned domain, const char *text, uint64_t *index)
{
    if (!guid_is_valid(text)) return false;
    uint64_t half[2] = {0, 0};
    int digits = 0;
    for (const char *p = text; *p; p++) {
        if (*p == '-') continue;
        unsigned digit = isdigit((unsigned char)*p) ? (unsigned)(*p - '0') : (unsigned)(tolower(*p) - 'a' + 10);
        half[digits / 16] = half[digits / 16] << 4 | digit;
        digits++;
    }
    uint64_t found = (half[1] ^ hash3(half[0], seed, domain)) & INDEX_MASK;
    char again[GUID_SIZE];
    if (strcasecmp(guid_make(seed, domain, found, again), text) != 0) return false;
    *index = found;
    return true;
}

char *sha256_hex(const void *bytes, size_t len, char out[65])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(bytes, len, digest);
    for (size_t i = 0; i < sizeof digest; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return out;
}
