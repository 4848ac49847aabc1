/* Identifiers as callers may spell them, and as another tenant would have them. */
#ifndef LOGIKAL_SIM_IDENTIFIER_H
#define LOGIKAL_SIM_IDENTIFIER_H

#include <stddef.h>

#include "tests/sim/world/hash.h"

#define IDENTIFIER_SIZE 64 /* of a GUID in any spelling, in a path */

/* The GUID that text means: in braces, in capitals, without hyphens. Anything else is copied as it is (cut). */
char *identifier_read(const char *text, char out[IDENTIFIER_SIZE]);
/* The GUID that another tenant has for this one, and back again. The null GUID is everybody's. */
void tenant_translate(char guid[]);

#endif
