/* Random numbers and identifiers from the kernel (getrandom). */
#ifndef LOGIKALD_CONF_MACHINE_RANDOM_H
#define LOGIKALD_CONF_MACHINE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT_SIZE 37

void random_bytes(void *out, size_t len); /* fit for keys and tokens; aborts if the kernel has none */
uint64_t random_u64(void);
char *random_uuid4(char out[UUID_TEXT_SIZE]);   /* RFC 4122 version 4, lower case; returns out */
void random_token_hex(char *out, size_t bytes); /* writes 2 * bytes hex digits and a NUL */

#endif
