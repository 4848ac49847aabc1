/* See shown.h. */
#include "tests/support/answers/shown.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "conf/text/buf.h"
#include "tests/support/support.h"

#define WEEKS_S (60 * 86400)

/* ---- one form ---- */

#define SHOWN   4   /* of a table's rows, of a page's articles; the rest is counted, */
#define COUNTED 110 /* as long as it is not all settings that there are */

static const char *last_of(const char *text, const char *word)
{
    const char *last = NULL;
    while ((text = strstr(text, word)) != NULL) last = text++;
    return last;
}

/* What is left out from here on, where a list of `begin`s begins that ends with `end`, or else NULL: all behind the
 * first ones; how many they are. */
static const char *rest_of(const char *at, const char *begin, const char *end, int *count)
{
    const char *each = at, *cut = NULL;
    for (*count = 0; (each = strstr(each, begin)) != NULL && each < end; each++)
        if ((*count)++ == SHOWN) cut = each;
    *count -= SHOWN;
    return cut;
}

/* Each opening tag begins a line; of a page the middle, of long lists the first ones. */
static char *lines_of_html(const char *body)
{
    struct buf out = {0};
    const char *from = strstr(body, "<main"), *end = from ? strstr(from, "</main>") : NULL, *cut = NULL, *on = NULL;
    int left_out = 0;
    for (const char *at = end ? from : body; *at && at != end; at++) {
        bool is_rows = strncmp(at, "<tbody", 6) == 0, is_articles = !on && strncmp(at, "<article", 8) == 0;
        if (is_rows) on = strstr(at, "</tbody>");
        if (is_articles) on = last_of(at, "</article>");
        if (is_rows || is_articles) cut = rest_of(at, is_rows ? "<tr" : "<article", on, &left_out);
        if (at == cut) {
            buf_printf(&out, left_out < COUNTED ? "\n(and %d more)\n" : "\n(and many more)\n", left_out);
            at = on;
        }
        if (at == on) on = NULL;
        while (strncmp(at, "<text ", 6) == 0) at = strstr(at, "</text>") + 7; /* hours below a chart */
        bool is_begin = *at == '<' && at[1] != '/' && out.len > 0 && out.data[out.len - 1] != '\n';
        if (is_begin) buf_char(&out, '\n');
        if (*at != '\n' || (out.len > 0 && out.data[out.len - 1] != '\n')) buf_char(&out, *at);
    }
    buf_char(&out, '\n');
    return out.data;
}

/* A tab of cJSON's for each step is more than is read. */
char *shown_json(const cJSON *json)
{
    char *text = cJSON_Print(json), *to = text;
    for (const char *at = text; at && *at; at++)
        if (*at != '\t') *to++ = *at;
    char *out = NULL;
    if (to) *to = '\0';
    if (asprintf(&out, "%s\n", text ? text : "") < 0) abort();
    free(text);
    return out;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The value of a metric is of the moment, or its lines are too many. */
static bool is_known(const char *line, bool *has_value)
{
    static const char *const dropped[] = {"http_", "db_", "tasks_total"};
    static const char *const moving[] = {"queue_oldest_age_seconds", "sync_age_seconds", "webhook_lag_seconds",
                                         "feed_lag_seconds",         "database_",        "stored_objects",
                                         "redis_reconnects"};
    const char *name = line + strlen("logikald_");
    *has_value = true;
    if (*line == '#') return true;
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        if (strncmp(name, dropped[i], strlen(dropped[i])) == 0) return false;
    for (size_t i = 0; i < sizeof moving / sizeof *moving; i++)
        if (strncmp(name, moving[i], strlen(moving[i])) == 0) *has_value = false;
    return true;
}

static char *lines_of_metrics(const char *body)
{
    enum { MOST = 10000 };
    static char *lines[MOST];
    struct buf out = {0};
    int count = 0;
    char *copy = strdup(body), *rest = copy, *line;
    while ((line = strsep(&rest, "\n")) != NULL && count < MOST)
        if (strncmp(line, "logikald_", 9) == 0 || *line == '#') lines[count++] = line;
    qsort(lines, (size_t)count, sizeof *lines, by_text);
    for (int i = 0; i < count; i++) {
        bool has_value;
        char *end = strrchr(lines[i], ' ');
        if (!is_known(lines[i], &has_value)) continue;
        buf_printf(&out, "%.*s%s\n", (int)(has_value ? strlen(lines[i]) : (size_t)(end - lines[i])), lines[i],
                   has_value ? "" : " {n}");
    }
    free(copy);
    return out.data;
}

static char *lines_of(const char *body)
{
    cJSON *json = *body == '{' || *body == '[' ? cJSON_Parse(body) : NULL;
    char *text = json                               ? shown_json(json)
                 : *body == '<'                     ? lines_of_html(body)
                 : strncmp(body, "# HELP ", 7) == 0 ? lines_of_metrics(body)
                                                    : strdup(body);
    cJSON_Delete(json);
    return text;
}

#define SENTENCE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,.:;()'_-?\\/\"&#="

/* What stands before a number that is of the moment, and how much of such numbers follows. */
static const struct {
    const char *head, *number;
} moments[] = {
    {"ersion ", "0123456789."},
    {"PostgreSQL cannot be used: ", SENTENCE}, /* why is told anew with each attempt */
    {"PostgreSQL is not reachable: ", SENTENCE},
    {"unreachable: ", SENTENCE},
    {"data-key=\"action-", "0123456789"}, /* in the order in which connections wrote them */
    {"whsec_", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/="},
    {"\"client_id\":\"new_", "0123456789abcdef"},
    {"change-1-", "0123456789"},
    {"\"cursor\":\"1-", "0123456789"},
    {"\"next\":\"1-", "0123456789"},
    {"before=1-", "0123456789"},
    {"after=1-", "0123456789"},
    {"answers in ", "0123456789."},
    {"answered in ", "0123456789."},
    {"no TLS, ", "0123456789"},
    {", port ", "0123456789"},
    {" port 1 after ", "0123456789"},
    {"check[", "0123456789"},
    {"Redis ", "0123456789."},
    {"onnected in ", "0123456789."},
    {" ms; ", "0123456789."}, /* the size of a database */
    {"isted, in ", "0123456789."},
    {"antwortet in ", "0123456789,"},
    {"\"running_ms\":", "0123456789"},
    {"\"time_start\":", "0123456789."},
    {"\"size_bytes\":", "0123456789"}, /* of messages, which name their sender */
    {",pid=\"", "0123456789"},
    {"has waited for ", "0123456789 smin"},
    {"<td class=\"num\">\n<span data-ms=\"", "0123456789.\"> ms"},
    {"data-label=\"For\">\n<span data-ms=\"", "0123456789.\"> ms"},
    {"oldest \n<span data-ms=\"", "0123456789.\"> ms"},
};

/* A number of the moment that stands before `at`, in what is written already: how long it is. */
static size_t moment_at(const struct buf *out, const char *at)
{
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        size_t len = strlen(moments[i].head);
        if (out->len >= len && memcmp(out->data + out->len - len, moments[i].head, len) == 0)
            return strspn(at, moments[i].number);
    }
    size_t days = strspn(at, "0123456789");
    return days >= 3 && strncmp(at + days, " d ago", 6) == 0 ? days : 0;
}

/* How long the time is that begins here ("2026-11-28T10:20:30.456Z", of an address with %3A, with or without seconds),
 * and which; 0: it is none. */
static size_t time_at(const char *text, time_t *out, bool *is_hour)
{
    struct tm tm = {0};
    int n = 0, seconds = 0, digits = 0;
    if (!isdigit((unsigned char)*text) ||
        sscanf(text, "%4d-%2d-%2d%*1[T ]%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &n) != 4 || n != 13)
        return 0;
    for (int i = 0; i < 2; i++) {
        size_t colon = text[n] == ':' ? 1 : strncasecmp(text + n, "%3a", 3) == 0 ? 3 : 0;
        int *to = i == 0 ? &tm.tm_min : &seconds;
        if (!colon || sscanf(text + n + colon, "%2d%n", to, &digits) != 1 || digits != 2) break;
        n += (int)colon + digits;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    tm.tm_sec = seconds;
    *out = timegm(&tm);
    *is_hour = tm.tm_min == 0 && seconds == 0;
    if (text[n] == '.') n += 1 + (int)strspn(text + n + 1, "0123456789");
    n += text[n] == 'Z' ? 1 : strncmp(text + n, "+00:00", 6) == 0 ? 6 : strncmp(text + n, "+00", 3) == 0 ? 3 : 0;
    return (size_t)n;
}

/* The same of "28.11.2026 10:20 UTC". */
static size_t german_time_at(const char *text, time_t *out)
{
    struct tm tm = {0};
    int n = 0;
    if (!isdigit((unsigned char)*text) ||
        sscanf(text, "%2d.%2d.%4d %2d:%2d%n", &tm.tm_mday, &tm.tm_mon, &tm.tm_year, &tm.tm_hour, &tm.tm_min, &n) != 5 ||
        n != 16)
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *out = timegm(&tm);
    return (size_t)n;
}

/* "15:00", an hour of the day. */
static bool is_hour_of_day(const char *text)
{
    return isdigit((unsigned char)text[0]) && isdigit((unsigned char)text[1]) && strncmp(text + 2, ":00", 3) == 0 &&
           !isdigit((unsigned char)text[5]) && text[5] != ':';
}

/* A digest, a random id or a part of one: how long it is. */
static size_t random_at(const char *text)
{
    size_t hex = strspn(text, "0123456789abcdef-"), digits = strspn(text, "0123456789abcdef");
    bool is_uuid = hex == 36 && text[8] == '-' && text[23] == '-' && text[14] == '4';
    return is_uuid ? 36 : digits == 16 || digits >= 32 ? digits : 0;
}

char *shown_plain(const char *body, const struct shown_words *words)
{
    char *text = lines_of(body);
    struct buf out = {0};
    bool is_hour = false, is_word = false, is_points = false; /* of a curve, whose places depend on the minute */
    for (const char *at = text; *at;) {
        time_t when = 0;
        size_t len = is_word ? 0 : time_at(at, &when, &is_hour);
        if (!len && !is_word && (len = german_time_at(at, &when)) > 0) is_hour = false;
        double hours = (double)(when - time(NULL)) / 3600;
        const struct shown_words *w = words;
        is_points = is_points ? *at != '"' : out.len > 8 && memcmp(out.data + out.len - 8, "points=\"", 8) == 0;
        while (w && w->word && strncmp(at, w->word, strlen(w->word)) != 0) w++;
        size_t moment = is_word ? 0 : moment_at(&out, at);
        if (is_points && strspn(at, "0123456789.") > 0 && at[strspn(at, "0123456789.")] == ',') {
            len = strspn(at, "0123456789.");
        } else if (moment) {
            buf_str(&out, "{n}");
            len = moment;
        } else if (!len && out.len > 0 && strchr("h>\" ", out.data[out.len - 1]) && is_hour_of_day(at)) {
            buf_str(&out, "{hour}");
            len = 5;
        } else if (len && hours * 3600 < WEEKS_S && hours * 3600 > -WEEKS_S) {
            buf_printf(&out, is_hour ? "{hour}" : "{%+ld h}", is_hour ? 0 : lround(hours));
        } else if (w && w->word) {
            buf_str(&out, w->instead);
            len = strlen(w->word);
        } else if (!is_word && (len = random_at(at)) > 0 && strspn(at, (char[]){*at, 0}) < len) {
            buf_str(&out, "{random}");
        } else {
            len = 1;
            buf_char(&out, *at);
        }
        is_word = isalnum((unsigned char)at[len - 1]);
        at += len;
    }
    free(text);
    if (out.len == 0 || out.data[out.len - 1] != '\n') buf_char(&out, '\n');
    return out.data;
}

/* ---- the file ---- */

#define MARK "=== "

static void path_of(const char *name, char out[300])
{
    snprintf(out, 300, "tests/fixtures/shown/%s", name);
}

static bool is_write(void)
{
    return getenv("SHOWN_WRITE") != NULL;
}

/* The first line that differs, and those around it. */
static void fail_with(const char *request, const char *expected, const char *is)
{
    const char *line = expected, *other = is;
    for (size_t i = 0; expected[i] && expected[i] == is[i]; i++)
        if (expected[i] == '\n') {
            line = expected + i + 1;
            other = is + i + 1;
        }
    fail_msg("%s\nexpected: %.400s\n---\nis: %.400s\n(is it meant? SHOWN_WRITE=1 of this program writes "
             "tests/fixtures/shown anew)",
             request, line, other);
}

static void write_all(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static bool is_answered(const char *request, const char *expected, char *(*answer)(const char *), char **is)
{
    free(*is);
    *is = answer(request);
    return strcmp(*is, expected) == 0;
}

/* Until it is answered as expected, or too late; what was answered at last. */
static char *settled(const char *request, const char *expected, int64_t began_ms, char *(*answer)(const char *))
{
    char *is = NULL;
    bool may_change = began_ms && strncmp(request, "GET", 3) == 0;
    int64_t deadline = support_patience(may_change ? 10000 : 0);
    while (!is_answered(request, expected, answer, &is) && !is_write()) {
        bool is_this_hour = !began_ms || time(NULL) / 3600 == began_ms / 3600000;
        if ((!may_change || support_late(deadline)) && is_this_hour) fail_with(request, expected, is);
        if (!may_change || support_late(deadline)) {
            print_message("%s: not compared, an hour is over\n", request);
            break;
        }
        support_pause();
    }
    return is;
}

void shown_check(const char *name, int64_t began_ms, char *(*answer)(const char *request))
{
    char path[300];
    struct buf out = {0};
    path_of(name, path);
    char *file = support_read_file(path), *next = NULL;
    if (strncmp(file, MARK, strlen(MARK)) != 0) fail_msg("%s: no requests", path);
    for (char *at = file; at; at = next) {
        next = strstr(at, "\n" MARK);
        if (next) *next++ = '\0';
        char *line = strndup(at + strlen(MARK), strcspn(at, "\n") - strlen(MARK)), *body = at + strcspn(at, "\n");
        struct buf expected = {0};
        buf_printf(&expected, "%s%s", *body ? body + 1 : "", next ? "\n" : "");
        char *is = settled(line, expected.data, began_ms, answer);
        size_t len = strlen(is);
        buf_printf(&out, MARK "%s\n%s%s", line, is, len > 0 && is[len - 1] == '\n' ? "" : "\n");
        free(is);
        free(line);
        buf_free(&expected);
    }
    if (is_write()) write_all(path, out.data);
    buf_free(&out);
    free(file);
}

void shown_compare(const char *name, const char *text)
{
    char path[300];
    path_of(name, path);
    char *file = support_read_file(path);
    if (is_write())
        write_all(path, text);
    else if (strcmp(file, text) != 0)
        fail_with(name, file, text);
    free(file);
}
