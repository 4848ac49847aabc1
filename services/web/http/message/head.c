/* See head.h. Every rule here is stricter than evhttp, and never in doubt: evhttp takes bare line feeds, blanks before
 * a colon, the first of several lengths, numbers with a sign, and the body of a HEAD for the next request. */
#include "services/web/http/message/head.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <event2/http.h>

#define LENGTH_DIGITS 18 /* more do not fit into an int64_t */

struct head_field {
    const char *name, *value;
    size_t name_len, value_len;
};

static bool refuse(struct refusal *why, int status, const char *text)
{
    *why = (struct refusal){status, text};
    return false;
}

static bool is_malformed(struct refusal *why)
{
    return refuse(why, 400, "The request is malformed (it is not HTTP/1.1 as RFC 9112 has it)");
}

static bool is_word(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

bool head_is_token(const char *text, size_t len)
{
    static const bool marks[128] = {
        ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true,
        ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true,  ['~'] = true};
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i], letter = c | 0x20;
        bool is_usual = (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9');
        if (!is_usual && (c > 127 || !marks[c])) return false;
    }
    return len > 0;
}

/* ---- the request line ---- */

static bool is_target(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f || text[i] == '#') return false;
    return len > 0;
}

/* Whether evhttp can read it; only what begins with an authority can fail. */
static bool is_uri(const char *text, size_t len)
{
    char copy[2048];
    if (len >= sizeof copy) return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    struct evhttp_uri *uri = evhttp_uri_parse_with_flags(copy, EVHTTP_URI_NONCONFORMANT);
    if (uri) evhttp_uri_free(uri);
    return uri != NULL;
}

/* Finds the path; of an absolute target also the authority. */
static bool read_target(const char *bytes, struct head *h, struct slice *authority, struct refusal *why)
{
    const char *target = bytes + h->target.at, *end = target + h->target.len, *path = target;
    bool is_options = h->method.len == 7 && memcmp(bytes + h->method.at, "OPTIONS", 7) == 0;
    size_t scheme = h->target.len > 7 && strncasecmp(target, "http://", 7) == 0    ? 7
                    : h->target.len > 8 && strncasecmp(target, "https://", 8) == 0 ? 8
                                                                                   : 0;
    if (scheme) {
        path = target + scheme;
        while (path < end && *path != '/' && *path != '?') path++;
        *authority = (struct slice){h->target.at + scheme, (size_t)(path - target) - scheme};
        if (!authority->len) return is_malformed(why);
    } else if (*target != '/' && !(is_options && h->target.len == 1 && *target == '*')) {
        return is_malformed(why);
    }
    if ((scheme || strncmp(target, "//", h->target.len < 2 ? h->target.len : 2) == 0) && h->target.len > 1 &&
        !is_uri(target, h->target.len))
        return is_malformed(why);
    const char *query = memchr(path, '?', (size_t)(end - path));
    h->path = (struct slice){(size_t)(path - bytes), (size_t)((query ? query : end) - path)};
    return true;
}

static bool read_version(const char *text, size_t len, struct head *h, struct refusal *why)
{
    if (len != 8 || memcmp(text, "HTTP/", 5) != 0 || !isdigit((unsigned char)text[5]) || text[6] != '.' ||
        !isdigit((unsigned char)text[7]))
        return is_malformed(why);
    if (text[5] != '1' || text[7] > '1') return refuse(why, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here");
    h->is_1_0 = text[7] == '0';
    return true;
}

static bool read_method(const char *text, size_t len, struct head *h, struct refusal *why)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
    if (!head_is_token(text, len)) return is_malformed(why);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) == len && memcmp(known[i], text, len) == 0) {
            h->is_head = i == 1;
            return true;
        }
    return refuse(why, 501, "This method is not known");
}

static bool read_request_line(const char *bytes, size_t len, struct head *h, struct slice *authority,
                              struct refusal *why)
{
    const char *first = memchr(bytes, ' ', len), *last = memrchr(bytes, ' ', len);
    if (!first || first == last) return is_malformed(why);
    h->method = (struct slice){0, (size_t)(first - bytes)};
    h->target = (struct slice){h->method.len + 1, (size_t)(last - first) - 1};
    size_t version_len = len - (size_t)(last - bytes) - 1;
    if (!is_target(bytes + h->target.at, h->target.len)) return is_malformed(why);
    return read_version(last + 1, version_len, h, why) && read_method(bytes, h->method.len, h, why) &&
           read_target(bytes, h, authority, why);
}

/* ---- header fields ---- */

/* Eight bytes at once, none of them a control character; in doubt false. Two bits tell it (the classical search for a
 * byte below a bound): one that a subtraction of 0x20 borrows from, and one that stays zero beside 0x7f. */
static bool is_printable_word(const char *text)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t word, del;
    memcpy(&word, text, sizeof word);
    del = word ^ (ones * 0x7f);
    return (((word - ones * 0x20) & ~word) & high) == 0 && (((del - ones) & ~del) & high) == 0;
}

/* A field's value, or what will be one: blanks and tabs are its only control characters. */
static bool is_value(const char *text, const char *end)
{
    while (text < end) {
        if (end - text >= 8 && is_printable_word(text)) {
            text += 8;
            continue;
        }
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f) return false;
        text++;
    }
    return true;
}

static bool read_field(const char *line, size_t len, struct head_field *f)
{
    const char *colon = memchr(line, ':', len);
    if (!colon || !head_is_token(line, (size_t)(colon - line))) return false;
    const char *value = colon + 1, *end = line + len;
    if (!is_value(value, end)) return false;
    while (value < end && (*value == ' ' || *value == '\t')) value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) end--;
    *f = (struct head_field){line, value, (size_t)(colon - line), (size_t)(end - value)};
    return true;
}

bool head_is_field(const char *line, size_t len)
{
    struct head_field f;
    return read_field(line, len, &f);
}

/* What the fields say together. */
struct head_facts {
    const char *host;
    size_t host_len;
    int hosts, lengths, codings, credentials, types;
};

static bool is_host(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr(".-_~:[]%!$&'()*+;=", text[i])) return false;
    return true;
}

static bool read_length(const struct head_field *f, struct head *h, struct refusal *why)
{
    if (f->value_len == 0) return is_malformed(why);
    for (size_t i = 0; i < f->value_len; i++)
        if (!isdigit((unsigned char)f->value[i])) return is_malformed(why);
    if (f->value_len > LENGTH_DIGITS) return refuse(why, 413, "The body is too large");
    for (size_t i = 0; i < f->value_len; i++) h->length = h->length * 10 + (f->value[i] - '0');
    return true;
}

static bool take_field(const struct head_field *f, struct head *h, struct head_facts *facts, struct refusal *why)
{
    if (is_word(f->name, f->name_len, "Host")) {
        facts->hosts++;
        facts->host = f->value;
        facts->host_len = f->value_len;
        return is_host(f->value, f->value_len) || is_malformed(why);
    }
    if (is_word(f->name, f->name_len, "Content-Length"))
        return ++facts->lengths == 1 ? read_length(f, h, why) : is_malformed(why);
    if (is_word(f->name, f->name_len, "Transfer-Encoding")) {
        facts->codings++;
        h->is_chunked = is_word(f->value, f->value_len, "chunked");
        return h->is_chunked || is_malformed(why);
    }
    if (is_word(f->name, f->name_len, "Expect")) {
        h->expects_continue = is_word(f->value, f->value_len, "100-continue");
        return h->expects_continue || refuse(why, 417, "Only Expect: 100-continue is understood");
    }
    facts->credentials += is_word(f->name, f->name_len, "Authorization");
    facts->types += is_word(f->name, f->name_len, "Content-Type");
    return true;
}

/* An authority without the port that its scheme has anyway. */
static size_t without_port(const char *text, size_t len, const char *port)
{
    size_t n = strlen(port);
    return len > n && memcmp(text + len - n, port, n) == 0 ? len - n : len;
}

static bool same_authority(const char *bytes, const struct head *h, struct slice authority,
                           const struct head_facts *facts)
{
    const char *port = (bytes[h->target.at + 4] | 0x20) == 's' ? ":443" : ":80", *named = bytes + authority.at;
    size_t a = without_port(named, authority.len, port), b = without_port(facts->host, facts->host_len, port);
    return a == b && strncasecmp(named, facts->host, a) == 0;
}

static bool agree(const char *bytes, const struct head *h, struct slice authority, const struct head_facts *facts,
                  struct refusal *why)
{
    static const char doubtful[] = "The request's Host, Content-Length or Transfer-Encoding can be read in two ways";
    bool has_body = h->is_chunked || h->length > 0;
    if (facts->hosts == 0 && !h->is_1_0) return refuse(why, 400, "The request has no Host, as HTTP/1.1 asks for");
    if (facts->hosts > 1) return refuse(why, 400, doubtful);
    if (facts->lengths + facts->codings > 1 || (facts->codings && h->is_1_0)) return refuse(why, 400, doubtful);
    if (h->is_head && has_body) return refuse(why, 400, "A HEAD request has no body");
    if (facts->credentials > 1 || facts->types > 1)
        return refuse(why, 400, "Authorization and Content-Type are given once");
    if (authority.len && (facts->hosts == 0 || !same_authority(bytes, h, authority, facts)))
        return refuse(why, 400, "The address in the request line and Host name different servers");
    return true;
}

bool head_read(const char *bytes, size_t len, struct head *out, struct refusal *why)
{
    struct head_facts facts = {0};
    struct slice authority = {0, 0};
    *out = (struct head){0};
    *why = (struct refusal){0};
    for (size_t at = 0; at + 2 < len;) {
        const char *line = bytes + at, *cr = memchr(line, '\r', len - at);
        if (!cr || cr + 1 == bytes + len || cr[1] != '\n') return is_malformed(why);
        size_t line_len = (size_t)(cr - line);
        struct head_field f;
        if (at == 0) {
            if (!read_request_line(bytes, line_len, out, &authority, why)) return false;
        } else if (!read_field(line, line_len, &f)) {
            return is_malformed(why);
        } else if (!take_field(&f, out, &facts, why)) {
            return false;
        } else if (is_word(f.name, f.name_len, "Transfer-Encoding")) {
            out->coding = (struct slice){at, line_len + 2};
        }
        at += line_len + 2;
    }
    return agree(bytes, out, authority, &facts, why);
}
