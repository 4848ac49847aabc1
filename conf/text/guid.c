/* GUIDs in whatever spelling: capitals or not, with braces, hyphens, or without. See guid.h. */
#include "conf/text/guid.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* The brackets around it, or none: what closes it, '\0' = nothing, and where it begins. */
static const char *open_bracket(const char *text, char *close)
{
    *close = *text == '{' ? '}' : *text == '(' ? ')' : '\0';
    return text + (*close != '\0');
}

bool guid_key(const char *text, char out[GUID_SIZE])
{
    char close;
    int digits = 0, hyphens = 0, n = 0;
    const char *p = open_bracket(text, &close);
    for (; *p && *p != close; p++) {
        if (*p == '-') { /* only where they belong */
            if (digits != 8 && digits != 12 && digits != 16 && digits != 20) return false;
            hyphens++;
            continue;
        }
        if (!isxdigit((unsigned char)*p) || digits == 32) return false;
        if (digits == 8 || digits == 12 || digits == 16 || digits == 20) out[n++] = '-';
        out[n++] = (char)tolower((unsigned char)*p);
        digits++;
    }
    out[n] = '\0';
    return digits == 32 && (hyphens == 0 || hyphens == 4) && strcmp(p, close ? (char[]){close, '\0'} : "") == 0;
}

bool guid_equal(const char *a, const char *b)
{
    char x[GUID_SIZE], y[GUID_SIZE];
    if (!a || !b) return false;
    return strcmp(a, b) == 0 || (guid_key(a, x) && guid_key(b, y) && strcmp(x, y) == 0);
}
