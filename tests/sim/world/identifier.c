/* Spellings of identifiers: see identifier.h. */
#include "tests/sim/world/identifier.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

char *identifier_read(const char *text, char out[IDENTIFIER_SIZE])
{
    char digits[33];
    size_t n = 0, len = strlen(text);
    const char *p = text + (*text == '{' && text[len - 1] == '}');
    for (; *p && *p != '}' && n < 32; p++)
        if (isxdigit((unsigned char)*p)) digits[n++] = (char)tolower((unsigned char)*p);
    digits[n] = 0;
    bool is_whole = n == 32 && (*p == 0 || *p == '}') && (len == 32 || len == 36 || len == 38);
    if (is_whole)
        snprintf(out, IDENTIFIER_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12, digits + 16,
                 digits + 20);
    else
        snprintf(out, IDENTIFIER_SIZE, "%s", text);
    return out;
}

void tenant_translate(char guid[])
{
    static const char digits[] = "0123456789abcdef";
    if (strcmp(guid, NULL_GUID) == 0) return;
    for (int i = 0; i < 8 && guid[i]; i++) {
        const char *at = strchr(digits, tolower((unsigned char)guid[i]));
        if (at) guid[i] = digits[(at - digits) ^ 5]; /* twice is not at all */
    }
}
