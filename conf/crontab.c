/* Crontab times: "minute hour day-of-month month day-of-week" in UTC, each field *, a number, a name (jan, mon), a
 * range, a list, or any of these with /step. See crontab.h. */
#include "conf/crontab.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct crontab_field {
    const char *name;
    int min, max;
    const char *words; /* three letters each, from min on */
};
static const struct crontab_field fields[] = {
    {"minute", 0, 59, ""},
    {"hour", 0, 23, ""},
    {"day of month", 1, 31, ""},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"day of week", 0, 7, "sunmontuewedthufrisat"},
};

/* A number or a name; moves *at behind it. -1 when it is neither, or out of range. */
static int value(const struct crontab_field *f, const char **at)
{
    for (size_t i = 0; f->words[i]; i += 3)
        if (strncasecmp(*at, f->words + i, 3) == 0) {
            for (*at += 3; isalpha((unsigned char)**at); (*at)++) {
            } /* "monday" as well */
            return f->min + (int)(i / 3);
        }
    if (**at < '0' || **at > '9') return -1;
    char *end;
    long n = strtol(*at, &end, 10);
    *at = end;
    return n >= f->min && n <= f->max ? (int)n : -1;
}

/* "*", "5", "1-5", each with "/step". A range may go round: "22-4", "fri-mon". */
static bool part(const struct crontab_field *f, const char **at, uint64_t *set)
{
    int from = f->min, to = f->max, step = 1;
    bool is_single = false;
    if (**at == '*') {
        (*at)++;
    } else {
        from = to = value(f, at);
        is_single = **at != '-';
        if (**at == '-') {
            (*at)++;
            to = value(f, at);
        }
    }
    if (**at == '/') {
        const struct crontab_field steps = {"step", 1, 59, ""};
        (*at)++;
        step = value(&steps, at);
        if (is_single) to = f->max;
    }
    if (from < 0 || to < 0 || step < 1) return false;
    int last = f->max == 7 ? 6 : f->max, round = last - f->min + 1; /* Sunday is 0 and 7 */
    if (to < from) to += round;
    for (int n = from; n <= to; n += step) *set |= UINT64_C(1) << (n > f->max ? n - round : n);
    return true;
}

static bool field(const struct crontab_field *f, const char **at, uint64_t *set)
{
    *set = 0;
    for (;;) {
        if (!part(f, at, set)) return false;
        if (**at != ',') break;
        (*at)++;
    }
    return **at == '\0' || **at == ' ' || **at == '\t';
}

int crontab_parse(const char *text, struct crontab *out, struct err *err)
{
    uint64_t *sets[] = {&out->minutes, &out->hours, &out->days, &out->months, &out->weekdays};
    const char *at = text;
    for (int i = 0; i < 5; i++) {
        at += strspn(at, " \t");
        if (!field(&fields[i], &at, sets[i]))
            return err_set(
                err, ERR_CONFIG,
                "crontab \"%.100s\": the %s is malformed; expected \"minute hour day month weekday\", such as "
                "\"0 2 * * *\"",
                text, fields[i].name);
    }
    at += strspn(at, " \t");
    if (*at) return err_set(err, ERR_CONFIG, "crontab \"%.100s\" has more than five fields", text);
    if (out->weekdays & (1u << 7)) out->weekdays |= 1;
    return 0;
}

static bool has(uint64_t set, int n)
{
    return set >> n & 1;
}

int64_t crontab_next(const struct crontab *c, int64_t unix_s)
{
    int64_t at = unix_s / 60 * 60 + 60, end = unix_s + INT64_C(8) * 366 * 86400;
    while (at < end) {
        time_t t = (time_t)at;
        struct tm tm;
        gmtime_r(&t, &tm);
        if (!has(c->months, tm.tm_mon + 1) || !has(c->days, tm.tm_mday) || !has(c->weekdays, tm.tm_wday))
            at += 86400 - at % 86400;
        else if (!has(c->hours, tm.tm_hour))
            at += 3600 - at % 3600;
        else if (!has(c->minutes, tm.tm_min))
            at += 60;
        else
            return at;
    }
    return -1;
}
