/* Clocks and ISO 8601: see clock.h. */
#include "conf/clock.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t mono_ms(void)
{
    return mono_us() / 1000;
}

int64_t wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t wall_ms(void)
{
    return wall_us() / 1000;
}

static void clock_split(int64_t unix_s, struct tm *tm)
{
    time_t t = (time_t)unix_s;
    if (!gmtime_r(&t, tm)) memset(tm, 0, sizeof *tm);
}

char *clock_iso_ms(int64_t unix_ms, char out[CLOCK_TEXT_SIZE])
{
    struct tm tm;
    int64_t s = unix_ms / 1000, ms = unix_ms % 1000;
    if (ms < 0) ms += 1000, s--;
    clock_split(s, &tm);
    size_t n = strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, CLOCK_TEXT_SIZE - n, ".%03dZ", (int)ms);
    return out;
}

char *clock_iso_us(int64_t unix_us, char out[CLOCK_TEXT_SIZE])
{
    struct tm tm;
    int64_t s = unix_us / 1000000, us = unix_us % 1000000;
    if (us < 0) us += 1000000, s--;
    clock_split(s, &tm);
    size_t n = strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, CLOCK_TEXT_SIZE - n, ".%06d", (int)us);
    return out;
}

/* Reads exactly n digits. */
static bool digits(const char **p, int n, int *value)
{
    int v = 0;
    for (int i = 0; i < n; i++, (*p)++) {
        if (!isdigit((unsigned char)**p)) return false;
        v = v * 10 + (**p - '0');
    }
    *value = v;
    return true;
}

static bool literal(const char **p, char c)
{
    if (**p != c) return false;
    (*p)++;
    return true;
}

/* An optional fraction; false when malformed. */
static bool fraction(const char **p, int64_t *us)
{
    *us = 0;
    if (!literal(p, '.') && !literal(p, ',')) return true;
    int64_t scale = 100000;
    int n = 0;
    for (; isdigit((unsigned char)**p); (*p)++, n++) {
        *us += scale * (**p - '0');
        scale /= 10;
    }
    return n >= 1 && n <= 9;
}

/* An optional offset; false when malformed. Loosely, it may have seconds and a fraction. */
static bool offset(const char **p, bool is_loose, int *seconds)
{
    *seconds = 0;
    if (literal(p, 'Z') || literal(p, 'z')) return true;
    if (**p != '+' && **p != '-') return true;
    int sign = *(*p)++ == '+' ? 1 : -1, h, m = 0, s = 0;
    int64_t us;
    if (!digits(p, 2, &h)) return false;
    bool colon = literal(p, ':');
    if ((colon || **p) && !digits(p, 2, &m)) return false;
    if (is_loose && **p && ((colon && !literal(p, ':')) || !digits(p, 2, &s) || !fraction(p, &us))) return false;
    if (h > 23 || m > 59 || s > 59) return false;
    *seconds = sign * (h * 3600 + m * 60 + s);
    return true;
}

/* HH:MM, HH:MM:SS, HH:MM:SS.ffffff; loosely, HH, and all of them without colons. */
static bool time_of_day(const char **p, bool is_loose, struct tm *tm, int64_t *us)
{
    if (!digits(p, 2, &tm->tm_hour)) return false;
    bool is_basic = isdigit((unsigned char)**p);
    if (is_loose && !is_basic && **p != ':') return true;
    if ((is_basic && !is_loose) || (!is_basic && !literal(p, ':')) || !digits(p, 2, &tm->tm_min)) return false;
    bool has_seconds = is_basic ? isdigit((unsigned char)**p) : literal(p, ':');
    return !has_seconds || (digits(p, 2, &tm->tm_sec) && fraction(p, us));
}

static bool is_right(int year, const struct tm *tm)
{
    return year >= 1 && tm->tm_mon >= 1 && tm->tm_mon <= 12 && tm->tm_mday >= 1 && tm->tm_mday <= 31;
}

/* ISO's week date, behind the year and the W: the week with the year's first Thursday is the first. */
static bool week_date(const char **p, bool is_basic, int year, struct tm *tm)
{
    int week, day = 1;
    if (!digits(p, 2, &week)) return false;
    bool has_day = is_basic ? isdigit((unsigned char)**p) : literal(p, '-');
    if ((has_day && !digits(p, 1, &day)) || week < 1 || week > 53 || day < 1 || day > 7 || year < 1) return false;
    struct tm fourth = {.tm_year = year - 1900, .tm_mday = 4};
    timegm(&fourth);
    int before = (fourth.tm_wday + 6) % 7; /* days since Monday */
    struct tm found = {.tm_year = year - 1900, .tm_mday = 4 - before + (week - 1) * 7 + day - 1};
    struct tm thursday = {.tm_year = year - 1900, .tm_mday = 4 - before + (week - 1) * 7 + 3};
    timegm(&found);
    timegm(&thursday);
    if (thursday.tm_year != year - 1900) return false; /* a week 53 in a year of 52 */
    tm->tm_year = found.tm_year;
    tm->tm_mon = found.tm_mon + 1;
    tm->tm_mday = found.tm_mday;
    return true;
}

static bool date(const char **p, bool is_loose, struct tm *tm)
{
    int year;
    if (!digits(p, 4, &year)) return false;
    bool is_basic = !literal(p, '-'); /* 20261124T075557 */
    if (is_loose && literal(p, 'W')) return week_date(p, is_basic, year, tm);
    tm->tm_year = year - 1900;
    return (is_loose || !is_basic) && digits(p, 2, &tm->tm_mon) && (is_basic || literal(p, '-')) &&
           digits(p, 2, &tm->tm_mday) && is_right(year, tm) && (is_loose || year >= 1970);
}

static int parse_iso(const char *text, bool is_loose, int64_t *unix_us)
{
    struct tm tm = {0};
    const char *p = text;
    int64_t us = 0;
    int off = 0;
    if (!is_loose && (strlen(text) < sizeof "2026-11-24T07:55:57" - 1 || text[16] != ':')) return -1;
    if (!date(&p, is_loose, &tm)) return -1;
    if (*p && (!(literal(&p, 'T') || literal(&p, ' ') || (is_loose && literal(&p, 't'))) ||
               !time_of_day(&p, is_loose, &tm, &us) || !offset(&p, is_loose, &off) || *p))
        return -1;
    if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60) return -1;
    tm.tm_mon--;
    struct tm check = tm;
    time_t t = timegm(&check);
    if (check.tm_mday != tm.tm_mday && tm.tm_sec < 60) return -1; /* 31 February */
    *unix_us = ((int64_t)t - off) * 1000000 + us;
    return 0;
}

int clock_parse_iso(const char *text, int64_t *unix_us)
{
    return parse_iso(text, false, unix_us);
}

int clock_parse_iso_loose(const char *text, int64_t *unix_us)
{
    return parse_iso(text, true, unix_us);
}
