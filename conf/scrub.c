/* See scrub.h. A secret is compared byte by byte, each as it is or as one of its writings; first with the writings
 * tried before the bytes themselves, then the other way round, so that the time is that of the text, not a power of it.
 */
#include "conf/scrub.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/text/hide.h"

#define STARS "***"

struct scrub_secret {
    char *text;
    size_t len;
};

void scrub_add(struct scrub *s, const char *secret, size_t len)
{
    if (len == 0) return;
    for (size_t i = 0; i < s->count; i++)
        if (s->secrets[i].len == len && memcmp(s->secrets[i].text, secret, len) == 0) return;
    if (s->count == s->room) {
        size_t room = s->room ? s->room * 2 : 32;
        struct scrub_secret *more = realloc(s->secrets, room * sizeof *more);
        if (!more) {
            s->failed = true;
            return;
        }
        s->secrets = more;
        s->room = room;
    }
    char *copy = malloc(len + 1);
    if (!copy) {
        s->failed = true;
        return;
    }
    memcpy(copy, secret, len);
    copy[len] = 0;
    s->secrets[s->count++] = (struct scrub_secret){copy, len};
}

const char *scrub_secret(const struct scrub *s, size_t index, size_t *len)
{
    *len = s->secrets[index].len;
    return s->secrets[index].text;
}

void scrub_free(struct scrub *s)
{
    for (size_t i = 0; i < s->count; i++) {
        explicit_bzero(s->secrets[i].text, s->secrets[i].len);
        free(s->secrets[i].text);
    }
    free(s->secrets);
    *s = (struct scrub){0};
}

/* ---- where secrets come from ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* As it stands in the URL, and without its percent signs. */
static void add_url_part(struct scrub *s, const char *part, size_t len)
{
    char *plain = malloc(len + 1);
    size_t n = 0;
    scrub_add(s, part, len);
    if (!plain) {
        s->failed = true;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        bool is_coded = part[i] == '%' && i + 2 < len && hex_digit(part[i + 1]) >= 0 && hex_digit(part[i + 2]) >= 0;
        plain[n++] = is_coded ? (char)(hex_digit(part[i + 1]) * 16 + hex_digit(part[i + 2])) : part[i];
        if (is_coded) i += 2;
    }
    scrub_add(s, plain, n);
    explicit_bzero(plain, n);
    free(plain);
}

/* What hide.h finds by its place. */
static void add_hidden(struct scrub *s, const char *text, bool is_url)
{
    const char *end = text, *from;
    while ((from = hide_find(text, end, is_url, &end)) != NULL) add_url_part(s, from, (size_t)(end - from));
}

/* The password of each URL in text, as it stands there and decoded, and what its query calls a secret. */
static void add_urls(struct scrub *s, const char *text)
{
    add_hidden(s, text, true);
    add_hidden(s, text, false);
}

static void add_assignment(struct scrub *s, const char *entry, const struct conf *conf)
{
    char name[256];
    const char *equals = strchr(entry, '=');
    if (!equals || (size_t)(equals - entry) >= sizeof name) return;
    memcpy(name, entry, (size_t)(equals - entry));
    name[equals - entry] = 0;
    int id = setting_by_env(name);
    bool is_secret =
        hide_is_secret_name(name) || (id >= 0 && settings[id].is_secret) || (conf && conf_is_secret_name(conf, name));
    bool is_shown_in_part = (id == SET_DATABASE_URL || id == SET_REDIS_URL) && strstr(equals, "://") != NULL;
    if (is_secret && !is_shown_in_part) scrub_add(s, equals + 1, strlen(equals + 1));
    if (strstr(equals, "://")) add_urls(s, equals + 1);
}

void scrub_add_conf(struct scrub *s, const struct conf *conf)
{
    for (int i = 0; i < SET_COUNT; i++) {
        const char *value = conf_str(conf, (enum setting_id)i);
        if (settings[i].type != SETTING_STR || !value[0]) continue;
        bool is_shown_in_part = i == SET_DATABASE_URL || i == SET_REDIS_URL; /* as conf_shown does */
        if (settings[i].is_secret && !(is_shown_in_part && strstr(value, "://"))) scrub_add(s, value, strlen(value));
        if (strstr(value, "://")) add_urls(s, value);
    }
    for (int i = 0; i < conf_program_count(conf); i++) {
        char **entry = conf_program(conf, i)->environment;
        for (; entry && *entry; entry++) add_assignment(s, *entry, conf);
    }
}

void scrub_add_environment(struct scrub *s, const struct conf *conf)
{
    for (char **entry = environ; *entry; entry++) add_assignment(s, *entry, conf);
}

/* ---- finding them ---- */

/* A writing of the first bytes of a secret at the beginning of text: how many bytes it takes there, and of the secret.
 */
struct writing {
    size_t took, meant; /* took 0 = there is none */
};

static bool is_hex_of(const char *text, size_t left, unsigned char c)
{
    return left >= 2 && hex_digit(text[0]) >= 0 && hex_digit(text[1]) >= 0 &&
           hex_digit(text[0]) * 16 + hex_digit(text[1]) == c;
}

/* %41, and encoded twice %2541 */
static struct writing as_percent(const char *text, size_t left, unsigned char c)
{
    if (left > 3 && text[1] == '2' && text[2] == '5' && is_hex_of(text + 3, left - 3, c)) return (struct writing){5, 1};
    return (struct writing){is_hex_of(text + 1, left - 1, c) ? 3 : 0, 1};
}

/* \" \x41 \u0041, and \u00e4 for two bytes of UTF-8 */
static struct writing as_escape(const char *text, size_t left, const struct scrub_secret *secret, size_t i)
{
    unsigned char c = (unsigned char)secret->text[i];
    unsigned value = 0;
    size_t digits = text[1] == 'u' ? 4 : text[1] == 'x' ? 2 : 0;
    if (digits == 0 || left < digits + 2)
        return (struct writing){(unsigned char)text[1] == c && !isalnum(c) ? 2 : 0, 1};
    for (size_t d = 0; d < digits; d++) {
        if (hex_digit(text[2 + d]) < 0) return (struct writing){0};
        value = value * 16 + (unsigned)hex_digit(text[2 + d]);
    }
    char bytes[3];
    size_t n = 0;
    if (value >= 0x800) bytes[n++] = (char)(0xe0 | value >> 12);
    if (value >= 0x80) bytes[n++] = (char)(value >= 0x800 ? 0x80 | (value >> 6 & 0x3f) : 0xc0 | value >> 6);
    bytes[n++] = (char)(value < 0x80 ? value : 0x80 | (value & 0x3f));
    bool is_it = secret->len - i >= n && memcmp(secret->text + i, bytes, n) == 0;
    return (struct writing){is_it || value == c ? digits + 2 : 0, is_it ? n : 1};
}

static struct writing as_entity(const char *text, size_t left, char c)
{
    static const struct {
        char of;
        const char *text;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}, {'\'', "&#x27;"}};
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        size_t len = strlen(entities[i].text);
        if (entities[i].of == c && left >= len && strncasecmp(text, entities[i].text, len) == 0)
            return (struct writing){len, 1};
    }
    return (struct writing){0};
}

static struct writing written(const char *text, size_t left, const struct scrub_secret *secret, size_t i)
{
    char c = secret->text[i];
    if (text[0] == '+' && c == ' ') return (struct writing){1, 1};
    if (left < 2) return (struct writing){0};
    switch (text[0]) {
    case '%': return as_percent(text, left, (unsigned char)c);
    case '\\': return as_escape(text, left, secret, i);
    case '&': return as_entity(text, left, c);
    default: return (struct writing){0};
    }
}

static size_t match_in_order(const struct scrub_secret *secret, const char *text, size_t left, bool is_plain_first)
{
    size_t at = 0;
    for (size_t i = 0; i < secret->len;) {
        if (at >= left) return 0;
        bool is_plain = text[at] == secret->text[i];
        struct writing w = {0};
        if (!is_plain || !is_plain_first) w = written(text + at, left - at, secret, i);
        if (w.took == 0 && is_plain) w = (struct writing){1, 1};
        if (w.took == 0) return 0;
        at += w.took;
        i += w.meant;
    }
    return at;
}

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* How many bytes at text + at are the longest secret that stands there; 0 = none. */
static size_t match(const struct scrub *s, const char *text, size_t len, size_t at)
{
    size_t longest = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct scrub_secret *secret = &s->secrets[i];
        bool may_be = text[at] == secret->text[0] || strchr("%\\&+", text[at]) != NULL;
        if (!may_be) continue;
        size_t n = match_in_order(secret, text + at, len - at, true);
        if (n == 0) n = match_in_order(secret, text + at, len - at, false);
        if (n <= longest) continue;
        bool is_inside = (at > 0 && is_word_byte(text[at - 1])) || (at + n < len && is_word_byte(text[at + n]));
        if (secret->len < SCRUB_WORD_BYTES && is_inside) continue;
        longest = n;
    }
    return longest;
}

/* A signed token (RFC 7519): three parts of base64url, the first of them JSON. */
static size_t token_len(const char *text, size_t left)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t at = 0, part;
    if (left < 3 || memcmp(text, "eyJ", 3) != 0) return 0;
    for (int i = 0; i < 3; i++) {
        for (part = 0; at + part < left && text[at + part] && strchr(letters, text[at + part]); part++) continue;
        at += part;
        if (part < 4 || (i < 2 && (at == left || text[at++] != '.'))) return 0;
    }
    return at;
}

static void replace_known(const struct scrub *s, struct buf *out, const char *text, size_t len)
{
    size_t done = 0;
    for (size_t at = 0; at < len;) {
        size_t n = text[at] ? match(s, text, len, at) : 0;
        if (n == 0 && text[at] == 'e') n = token_len(text + at, len - at);
        if (n == 0) {
            at++;
            continue;
        }
        buf_add(out, text + done, at - done);
        buf_str(out, STARS);
        done = at += n;
    }
    buf_add(out, text + done, len - done);
}

bool scrub_text(const struct scrub *s, struct buf *out, const char *text, size_t len)
{
    struct buf known = {0};
    if (s->failed) return false;
    replace_known(s, &known, text, len);
    buf_char(&known, 0);
    if (known.failed) {
        buf_free(&known);
        return false;
    }
    for (size_t i = 0; i + 1 < known.len; i++)
        if (!known.data[i]) known.data[i] = ' '; /* the other half goes by the end of a text */
    if (!hide_secrets(out, known.data, false)) buf_add(out, known.data, known.len - 1);
    buf_free(&known);
    return !out->failed;
}
