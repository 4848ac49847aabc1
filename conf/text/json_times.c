/* Times in PostgreSQL's JSON get fractions of six digits, whatever zeros it left out. */
#include "conf/text/json_times.h"

#include <ctype.h>
#include <string.h>

#define DIGITS 6

/* pattern: '9' stands for a digit, all else for itself. */
static bool is_like(const char *text, const char *end, const char *pattern)
{
    for (; *pattern; pattern++, text++)
        if (text >= end || (*pattern == '9' ? !isdigit((unsigned char)*text) : *text != *pattern)) return false;
    return true;
}

static bool is_end_of_time(const char *text, const char *end)
{
    return is_like(text, end, "\"") || is_like(text, end, "Z\"") || is_like(text, end, "+99:99\"") ||
           is_like(text, end, "-99:99\"");
}

/* The end of the fraction of the time whose 'T' this is, when digits are missing there, and how many; else NULL. */
static const char *short_fraction(const char *json, const char *t, const char *end, int *missing)
{
    static const char date[] = "\"9999-99-99", clock[] = "T99:99:99.";
    if (t - json < (ptrdiff_t)sizeof date - 1 || !is_like(t - (sizeof date - 1), end, date) || !is_like(t, end, clock))
        return NULL;
    const char *digit = t + sizeof clock - 1;
    int n = 0;
    while (digit + n < end && isdigit((unsigned char)digit[n])) n++;
    if (n < 1 || n >= DIGITS || !is_end_of_time(digit + n, end)) return NULL;
    *missing = DIGITS - n;
    return digit + n;
}

bool json_times_add(struct buf *out, const char *json, size_t len)
{
    const char *end = json + len, *done = json;
    for (const char *t = json; (t = memchr(t, 'T', (size_t)(end - t))) != NULL; t++) {
        int missing;
        const char *at = short_fraction(json, t, end, &missing);
        if (!at) continue;
        buf_add(out, done, (size_t)(at - done));
        buf_add(out, "00000", (size_t)missing);
        done = at;
    }
    return buf_add(out, done, (size_t)(end - done));
}
