/* See hide.h. One pass: each mark behind which a secret may stand ("://", "=", ":", "Bearer ") says where it ends. */
#include "conf/text/hide.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_LEN     64
#define BEARER_MIN_LEN   12 /* shorter is a word of a sentence */
#define BASIC_MIN_LEN    8
#define NESTED_MAX_LEN   256
#define ENDS_A_URL       " \t\r\n\"'<>`"
#define ENDS_A_VALUE     "& \t\r\n\"'<>`"
#define ENDS_A_URL_VALUE "&"

struct span {
    const char *from, *to; /* from NULL = there is none */
};

bool hide_is_secret_name(const char *name)
{
    static const char *const words[] = {"password", "passwd",     "passphrase",    "pwd",        "secret", "token",
                                        "apikey",   "privatekey", "authorization", "credential", "cookie", "bearer"};
    char bare[256];
    size_t len = 0;
    for (; *name && len + 1 < sizeof bare; name++)
        if (*name != '_' && *name != '-') bare[len++] = *name;
    bare[len] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasestr(bare, words[i])) return true;
    return false;
}

/* Does the name that ends before `end` sound like a secret? */
static bool is_secret_before(const char *text, const char *end)
{
    char name[NAME_MAX_LEN + 1];
    const char *begin = end;
    while (begin > text && end - begin < NAME_MAX_LEN &&
           (isalnum((unsigned char)begin[-1]) || strchr("_-.%[]", begin[-1])))
        begin--;
    memcpy(name, begin, (size_t)(end - begin));
    name[end - begin] = '\0';
    return hide_is_secret_name(name);
}

static struct span quoted(const char *quote)
{
    const char *end = quote + 1;
    while (*end && *end != *quote) end += end[0] == '\\' && end[1] ? 2 : 1;
    return (struct span){end > quote + 1 ? quote + 1 : NULL, end};
}

/* name=value, name="value" */
static struct span of_equals(const char *text, const char *equals, bool is_url)
{
    const char *value = equals + 1;
    if (*value == '=' || !is_secret_before(text, equals)) return (struct span){0};
    if (!is_url && (*value == '"' || *value == '\'')) return quoted(value);
    size_t len = strcspn(value, is_url ? ENDS_A_URL_VALUE : ENDS_A_VALUE);
    return (struct span){len > 0 ? value : NULL, value + len};
}

/* "name": "value" */
static struct span of_colon(const char *text, const char *colon)
{
    const char *value = colon + 1 + strspn(colon + 1, " ");
    if (colon == text || (colon[-1] != '"' && colon[-1] != '\'') || (*value != '"' && *value != '\'') ||
        !is_secret_before(text, colon - 1))
        return (struct span){0};
    return quoted(value);
}

/* What follows the name of an HTTP scheme: enough of it, and after Basic no plain word either. */
static struct span of_scheme(const char *text, const char *blank)
{
    bool is_bearer = blank - text >= 6 && strncasecmp(blank - 6, "bearer", 6) == 0;
    bool is_basic = blank - text >= 5 && strncasecmp(blank - 5, "basic", 5) == 0;
    if (!is_bearer && !is_basic) return (struct span){0};
    size_t len = strspn(blank + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");
    size_t small = strspn(blank + 1, "abcdefghijklmnopqrstuvwxyz-.");
    bool is_one = is_bearer ? len >= BEARER_MIN_LEN : len >= BASIC_MIN_LEN && small < len;
    return (struct span){is_one ? blank + 1 : NULL, blank + 1 + len};
}

static const char *next_url(const char *from)
{
    while ((from = strchr(from, ':')) != NULL && strncmp(from, "://", 3) != 0) from++;
    return from;
}

static size_t url_len(const char *from, size_t max)
{
    size_t len = 0;
    while (len < max && from[len] && !strchr(ENDS_A_URL, from[len])) len++;
    return len;
}

/* Where the URL ends whose host begins here; in a list of URLs not in a later one. Of one inside another no more is
 * looked at than NESTED_MAX_LEN, so that a text made of nothing else takes no time that grows with its square. */
static const char *end_of_url(const char *host, bool is_url)
{
    const char *next = next_url(host);
    const char *end = is_url ? host + strlen(host) : host + url_len(host, next ? (size_t)(next - host) : SIZE_MAX);
    if (!next || end < next) return end;
    for (const char *p = next; p > host; p--)
        if (strchr(",;|", p[-1])) return p - 1;
    return is_url ? end : next + url_len(next, NESTED_MAX_LEN);
}

static const char *last_at(const char *from, const char *to)
{
    return memrchr(from, '@', (size_t)(to - from));
}

/* The password of scheme://user:password@host. Whoever writes one by hand leaves its / ? # and @ as they are, and may
 * write a slash too many. */
static struct span of_url(const char *host, bool is_url)
{
    host += strspn(host, "/");
    const char *end = end_of_url(host, is_url), *stop = host + strcspn(host, "/?#");
    if (stop > end) stop = end;
    const char *colon = *host == '[' ? NULL : memchr(host, ':', (size_t)(stop - host));
    if (!colon) return (struct span){0};
    const char *at = memchr(colon, '@', (size_t)(stop - colon));
    if (at) {
        size_t len = strcspn(at, "?#");
        at = last_at(at, at + len < end ? at + len : end);
    } else if (colon + 1 + strspn(colon + 1, "0123456789") < stop) { /* else a port, and a path with an @ */
        at = last_at(colon, end);
    }
    return (struct span){at && at > colon + 1 ? colon + 1 : NULL, at};
}

static struct span secret_at(const char *text, const char *mark, bool is_url)
{
    if (*mark == '=') return of_equals(text, mark, is_url);
    if (*mark == ' ') return of_scheme(text, mark);
    if (strncmp(mark, "://", 3) == 0) return of_url(mark + 3, is_url);
    return of_colon(text, mark);
}

const char *hide_find(const char *text, const char *at, bool is_url, const char **end)
{
    while ((at = strpbrk(at, "=: ")) != NULL) {
        struct span secret = secret_at(text, at, is_url);
        *end = secret.to;
        if (secret.from) return secret.from;
        at++;
    }
    return NULL;
}

bool hide_secrets(struct buf *out, const char *text, bool is_url)
{
    const char *done = text, *from, *end;
    while ((from = hide_find(text, done, is_url, &end)) != NULL) {
        buf_add(out, done, (size_t)(from - done));
        buf_str(out, "***");
        done = end;
    }
    if (done == text) return false;
    buf_str(out, done);
    return true;
}
