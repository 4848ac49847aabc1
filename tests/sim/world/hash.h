/* Numbers that look random and are the same every time: everything the simulator serves is derived from the seed and
 * the index of an object, so that 100 000 elevations need no memory. The GUIDs made here can be read back: the index
 * is hidden in them, so that a lookup by GUID needs no table either. */
#ifndef LOGIKAL_SIM_HASH_H
#define LOGIKAL_SIM_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUID_SIZE 37
#define NULL_GUID "00000000-0000-0000-0000-000000000000"

uint64_t hash3(uint64_t a, uint64_t b, uint64_t c);

/* A running sequence: each call gives the next number and moves *state. */
uint64_t hash_next(uint64_t *state);

/* The GUID of object `index` in `domain` (a kind of object) under this seed; returns out. */
char *guid_make(uint64_t seed, unsigned domain, uint64_t index, char out[GUID_SIZE]);

/* True, and the index, when text (any letter case) is a GUID that guid_make made for this seed and domain. */
bool guid_read(uint64_t seed, unsigned domain, const char *text, uint64_t *index);

/* True when text has the form of a GUID. */
bool guid_is_valid(const char *text);

/* The 64 hex digits of the SHA-256 of len bytes; returns out. */
char *sha256_hex(const void *bytes, size_t len, char out[65]);

#endif
