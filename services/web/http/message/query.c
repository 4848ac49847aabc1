/* Decodes the parameters of a query or a form. */
#include "services/web/http/message/query.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <event2/http.h>

#include "conf/text/utf8.h"

static int digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* NULL: it cannot be decoded. */
static char *decode(const char *text, size_t len)
{
    char *out = malloc(len + 1), *to = out;
    for (size_t i = 0; out && i < len; i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (c == '%') {
            bool is_code = len - i > 2 && isxdigit((unsigned char)text[i + 1]) && isxdigit((unsigned char)text[i + 2]);
            c = is_code ? (char)(digit(text[i + 1]) * 16 + digit(text[i + 2])) : 0;
            i += 2;
        }
        if (!c) {
            free(out);
            return NULL;
        }
        *to++ = c;
    }
    if (!out) return NULL;
    *to = 0;
    if (utf8_is_valid(out, (size_t)(to - out))) return out;
    free(out);
    return NULL;
}

static bool add(struct evkeyvalq *list, const char *text, size_t len)
{
    const char *equals = memchr(text, '=', len);
    size_t key_len = equals ? (size_t)(equals - text) : len;
    struct evkeyval *kv = calloc(1, sizeof *kv); /* as evhttp_clear_headers frees it */
    if (!kv) return false;
    kv->key = decode(text, key_len);
    kv->value = equals ? decode(equals + 1, len - key_len - 1) : strdup("");
    if (kv->key && kv->value) {
        TAILQ_INSERT_TAIL(list, kv, next);
        return true;
    }
    free(kv->key);
    free(kv->value);
    free(kv);
    return false;
}

bool query_parse(const char *text, struct evkeyvalq *out)
{
    for (const char *p = text; *p; p += *p == '&') {
        size_t len = strcspn(p, "&");
        if (len > 0 && !add(out, p, len)) {
            evhttp_clear_headers(out);
            return false;
        }
        p += len;
    }
    return true;
}
