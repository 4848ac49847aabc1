/* See phrase.h. A catalogue is indexed when it is first asked: a line for each phrase, "pattern TAB translation", those
 * with most of their own text first, so that the first that fits is the one that says most. In a pattern ANY stands for
 * any text and NUMBER for a number; in a translation ANY and a digit for what stood at that place, RAW and a digit for
 * the same as it is. */
#include "services/web/http/render/phrase.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/embedded.h"

#define ANY         '\1'
#define NUMBER      '\2'
#define LINE_BREAK  '\4'
#define RAW         '\5'
#define PLACES_MAX  9
#define NESTED_MOST 4
#define WEAK_BELOW  6 /* letters: in "%s of %s" only words stand before the last place, as nearly all has an "of" */
#define LANGUAGES   4
#define LENGTH_MOST 4000 /* what is longer comes from elsewhere, and would only cost time */

struct text {
    const char *at;
    size_t len;
};

struct phrase {
    struct text pattern, said;
    bool is_weak;
};

struct catalogue {
    char language[8];
    struct phrase *phrases; /* those with places, the first that fits says most */
    size_t count;
    struct phrase *whole; /* those without, sorted */
    size_t whole_count;
};

static struct catalogue catalogues[LANGUAGES];

static const struct embedded *file_of(const char *language)
{
    char path[32];
    snprintf(path, sizeof path, "text/%.8s", language);
    return embedded_find(embedded_assets, path);
}

bool phrase_knows(const char *language)
{
    return strcmp(language, PHRASE_ENGLISH) == 0 || file_of(language);
}

static bool is_weak(struct text pattern)
{
    int letters = 0;
    for (size_t i = 0; i < pattern.len; i++) letters += isalpha((unsigned char)pattern.at[i]) != 0;
    return letters < WEAK_BELOW;
}

static bool has_places(struct text pattern)
{
    return memchr(pattern.at, ANY, pattern.len) || memchr(pattern.at, NUMBER, pattern.len);
}

static int compare(const void *a, const void *b)
{
    struct text one = ((const struct phrase *)a)->pattern, other = ((const struct phrase *)b)->pattern;
    int order = memcmp(one.at, other.at, one.len < other.len ? one.len : other.len);
    return order ? order : (one.len > other.len) - (one.len < other.len);
}

static void index_lines(struct catalogue *c, const struct embedded *file)
{
    const char *p = (const char *)file->data, *end = p + file->len;
    size_t lines = 0;
    for (const char *q = p; q < end; q++) lines += *q == '\n';
    c->phrases = calloc(lines + 1, sizeof *c->phrases);
    c->whole = calloc(lines + 1, sizeof *c->whole);
    if (!c->phrases || !c->whole) return;
    while (p < end) {
        const char *tab = memchr(p, '\t', (size_t)(end - p));
        const char *line_end = tab ? memchr(tab, '\n', (size_t)(end - tab)) : NULL;
        if (!line_end) break;
        struct text pattern = {p, (size_t)(tab - p)}, said = {tab + 1, (size_t)(line_end - tab - 1)};
        if (has_places(pattern))
            c->phrases[c->count++] = (struct phrase){pattern, said, is_weak(pattern)};
        else
            c->whole[c->whole_count++] = (struct phrase){pattern, said, false};
        p = line_end + 1;
    }
    qsort(c->whole, c->whole_count, sizeof *c->whole, compare);
}

static const struct catalogue *catalogue_of(const char *language)
{
    for (int i = 0; i < LANGUAGES; i++) {
        struct catalogue *c = &catalogues[i];
        if (strcmp(c->language, language) == 0) return c;
        const struct embedded *file = c->language[0] ? NULL : file_of(language);
        if (c->language[0]) continue;
        if (!file) return NULL;
        snprintf(c->language, sizeof c->language, "%s", language);
        index_lines(c, file);
        return c;
    }
    return NULL;
}

/* ---- finding ---- */

static bool begins(struct text text, struct text with)
{
    return text.len >= with.len && memcmp(text.at, with.at, with.len) == 0;
}

/* Where the place at the begin of the pattern ends in the text, given what follows it; false: nowhere. */
static bool place_end(char kind, struct text text, struct text follows, bool is_last, size_t *len)
{
    if (kind == NUMBER) {
        *len = 0;
        if (text.len > 0 && *text.at == '-') *len = 1;
        while (*len < text.len && memchr("0123456789.", text.at[*len], 11)) ++*len;
        while (*len > 0 && text.at[*len - 1] == '.') --*len;
        return *len > 0 && begins((struct text){text.at + *len, text.len - *len}, follows);
    }
    if (is_last) {
        *len = text.len - follows.len;
        return text.len >= follows.len && memcmp(text.at + *len, follows.at, follows.len) == 0;
    }
    const char *found = follows.len ? memmem(text.at, text.len, follows.at, follows.len) : text.at;
    if (!found) return false;
    *len = (size_t)(found - text.at);
    return true;
}

static size_t own_len(struct text pattern)
{
    size_t n = 0;
    while (n < pattern.len && pattern.at[n] != ANY && pattern.at[n] != NUMBER) n++;
    return n;
}

static struct text after(struct text text, size_t len)
{
    return (struct text){text.at + len, text.len - len};
}

static bool fits(const struct phrase *phrase, struct text text, struct text *found, bool *is_number)
{
    struct text pattern = phrase->pattern;
    size_t own = own_len(pattern);
    if (!begins(text, (struct text){pattern.at, own})) return false;
    pattern = after(pattern, own);
    text = after(text, own);
    for (int i = 0; pattern.len > 0; i++) {
        if (i == PLACES_MAX) return false;
        is_number[i] = *pattern.at == NUMBER;
        pattern = after(pattern, 1);
        own = own_len(pattern);
        size_t len;
        if (!place_end(is_number[i] ? NUMBER : ANY, text, (struct text){pattern.at, own}, own == pattern.len, &len))
            return false;
        if (phrase->is_weak && own < pattern.len && memchr(text.at, ' ', len)) return false;
        found[i] = (struct text){text.at, len};
        pattern = after(pattern, own);
        text = after(text, len + own);
    }
    return text.len == 0;
}

/* ---- saying ---- */

/* Thousands in groups, and the sign before the fraction, as in German. */
static void add_number(struct buf *out, struct text digits)
{
    size_t whole = 0, sign = digits.len > 0 && *digits.at == '-';
    while (sign + whole < digits.len && digits.at[sign + whole] != '.') whole++;
    buf_add(out, digits.at, sign);
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0) buf_char(out, '.');
        buf_char(out, digits.at[sign + i]);
    }
    struct text rest = after(digits, sign + whole);
    if (rest.len == 0) return;
    buf_char(out, ',');
    buf_add(out, rest.at + 1, rest.len - 1);
}

static bool is_decimal(const char *digits)
{
    size_t sign = *digits == '-', whole = strspn(digits + sign, "0123456789");
    const char *rest = digits + sign + whole;
    return whole > 0 && (!*rest || (*rest == '.' && rest[1] && rest[1 + strspn(rest + 1, "0123456789")] == 0));
}

void phrase_add_number(struct buf *out, const char *language, const char *digits)
{
    if (strcmp(language, PHRASE_ENGLISH) == 0 || !is_decimal(digits))
        buf_str(out, digits);
    else
        add_number(out, (struct text){digits, strlen(digits)});
}

static bool is_time(const char *text)
{
    static const char form[] = "0000-00-00T00:00";
    for (size_t i = 0; form[i]; i++) {
        bool fits_form = form[i] == '0' ? isdigit((unsigned char)text[i]) != 0 : text[i] == form[i];
        if (!fits_form && (i != 10 || text[i] != ' ')) return false;
    }
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

void phrase_add_time(struct buf *out, const char *language, const char *iso)
{
    bool is_utc = is_time(iso) && (ends_with(iso, "Z") || ends_with(iso, "+00:00") || ends_with(iso, " UTC"));
    if (is_utc && strcmp(language, PHRASE_ENGLISH) != 0)
        buf_printf(out, "%.2s.%.2s.%.4s %.5s UTC", iso + 8, iso + 5, iso, iso + 11);
    else
        buf_str(out, iso);
}

static bool say(struct buf *out, const struct catalogue *c, struct text text, int nested);

/* "Projects, Phases": each is said, when all are known. */
static bool say_list(struct buf *out, const struct catalogue *c, struct text text, int nested)
{
    struct buf said = {0};
    bool is_known = true;
    for (const char *comma; is_known && (comma = memmem(text.at, text.len, ", ", 2)) != NULL;) {
        is_known = say(&said, c, (struct text){text.at, (size_t)(comma - text.at)}, nested);
        buf_str(&said, ", ");
        text = after(text, (size_t)(comma - text.at) + 2);
    }
    is_known = is_known && said.len > 0 && say(&said, c, text, nested);
    if (is_known) buf_add(out, said.data, said.len);
    buf_free(&said);
    return is_known;
}

/* False: the catalogue has none of it, and nothing was said. */
static bool say(struct buf *out, const struct catalogue *c, struct text text, int nested)
{
    const struct phrase key = {.pattern = text};
    const struct phrase *whole = bsearch(&key, c->whole, c->whole_count, sizeof key, compare);
    if (whole) {
        for (size_t k = 0; k < whole->said.len; k++)
            buf_char(out, whole->said.at[k] == LINE_BREAK ? '\n' : whole->said.at[k]);
        return true;
    }
    if (nested < NESTED_MOST && say_list(out, c, text, nested + 1)) return true;
    struct text found[PLACES_MAX] = {{0}};
    bool is_number[PLACES_MAX] = {false};
    for (size_t i = 0; i < c->count && nested < NESTED_MOST; i++) {
        if (!fits(&c->phrases[i], text, found, is_number)) continue;
        struct text said = c->phrases[i].said;
        for (size_t k = 0; k < said.len; k++) {
            bool is_place = said.at[k] == ANY || said.at[k] == RAW;
            int place = is_place && k + 1 < said.len && said.at[k + 1] >= '1' ? said.at[k + 1] - '1' : -1;
            if (place < 0)
                buf_char(out, said.at[k] == LINE_BREAK ? '\n' : said.at[k]);
            else if (said.at[k] != RAW && is_number[place])
                add_number(out, found[place]);
            else if (said.at[k] == RAW || !say(out, c, found[place], nested + 1))
                buf_add(out, found[place].at, found[place].len);
            if (place >= 0) k++;
        }
        return true;
    }
    return false;
}

void phrase_add(struct buf *out, const char *language, const char *text)
{
    const struct catalogue *c = strcmp(language, PHRASE_ENGLISH) == 0 ? NULL : catalogue_of(language);
    struct text whole = {text, strlen(text)};
    if (!c || whole.len > LENGTH_MOST || !say(out, c, whole, 0)) buf_str(out, text);
}
