/* The sentence of an answer for each kind of error; its own text goes to the log. */
#include "services/web/http/fault.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/text/buf.h"
#include "conf/log.h"
#include "services/web/http/reply.h"

/* ---- places ---- */

static bool is_address(const char *word, size_t len)
{
    char text[64];
    unsigned char bytes[16];
    if (len == 0 || len >= sizeof text) return false;
    memcpy(text, word, len);
    text[len] = 0;
    char *colon = strrchr(text, ':');
    if (inet_pton(AF_INET6, text, bytes) == 1) return strchr(text, ':') != NULL;
    if (colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1)) {
        *colon = 0;
        if (strchr(text, '.') || strcmp(text, "localhost") == 0) return true; /* a name or an address with its port */
    }
    return inet_pton(AF_INET, text, bytes) == 1;
}

static bool has_scheme(const char *word, size_t len)
{
    const char *at = memchr(word, ':', len);
    return at && len - (size_t)(at - word) > 3 && strncmp(at, "://", 3) == 0;
}

static bool follows(const char *before, const char *word, const char *what)
{
    size_t len = strlen(what);
    while (before < word && (word[-1] == ' ' || word[-1] == ':' || word[-1] == '"' || word[-1] == '\'')) word--;
    return (size_t)(word - before) >= len && strncasecmp(word - len, what, len) == 0;
}

char *fault_text_without_places(const char *text)
{
    struct buf out = {0};
    for (const char *p = text; *p;) {
        size_t gap = strspn(p, " \t\n\"'(),;[]<>"), len = strcspn(p + gap, " \t\n\"'(),;[]<>");
        const char *word = p + gap;
        while (len > 0 && strchr(".:", word[len - 1])) len--;
        buf_add(&out, p, gap);
        bool is_number = len > 0 && strspn(word, "0123456789") == len;
        if (is_address(word, len) || has_scheme(word, len) || (is_number && follows(text, word, "port")) ||
            (len > 0 && !is_number && follows(text, word, "host")))
            buf_str(&out, "...");
        else
            buf_add(&out, word, len);
        p = word + len;
        if (gap == 0 && len == 0) buf_char(&out, *p++);
    }
    buf_char(&out, '\0');
    return buf_steal(&out);
}

const char *fault_without_places(struct req *r, const char *text)
{
    char *told = fault_text_without_places(text);
    const char *kept = req_strdup(r, told ? told : "");
    free(told);
    return kept;
}

/* ---- sentences ---- */

static const char *sentence(enum err_code code, bool is_statement)
{
    switch (code) {
    case ERR_DB: return "PostgreSQL is not available now";
    case ERR_REDIS: return "Redis is not available now";
    case ERR_SYSTEM: return "Something failed inside";
    case ERR_NOMEM: return "There is no memory for it now";
    default: break;
    }
    if (!is_statement) return NULL;
    switch (code) {
    case ERR_TIMEOUT: return "PostgreSQL took too long";
    case ERR_CONFLICT: return "It is in conflict with what is stored";
    case ERR_INPUT: return "A value of it cannot be stored";
    default: return NULL;
    }
}

static bool is_asking(const struct req *r)
{
    return r->is_head || evhttp_request_get_command(r->ev) == EVHTTP_REQ_GET;
}

/* Who only asks has nothing to be stored: a value that is there cannot be counted with. */
#define UNCOUNTABLE                                                                                                    \
    "A number that it is made of is too large or too small to be counted with: look for one among the amounts of its " \
    "elevations and in their parts lists (amounts, sizes, prices, packing units), and correct it in Logikal"

static const char *told(struct req *r, const struct err *err, bool is_statement)
{
    const char *instead = sentence(err->code, is_statement);
    if (is_statement && err->code == ERR_INPUT && is_asking(r)) instead = UNCOUNTABLE;
    if (!instead) return fault_without_places(r, err->text);
    log_warning("request %s is told \"%s\" instead of: %s", r->id, instead, err->text);
    return req_printf(r, "%s (request %s)", instead, r->id);
}

const char *fault_told(struct req *r, const struct err *err)
{
    return told(r, err, false);
}

const char *fault_told_of_statement(struct req *r, const struct err *err)
{
    return told(r, err, true);
}

/* ---- answers ---- */

static void answer(struct req *r, enum err_code code, const char *text)
{
    switch (code) {
    case ERR_DB:
    case ERR_REDIS: reply_unavailable(r, 5, "%s", text); return;
    case ERR_TIMEOUT: reply_unavailable(r, 10, "%s", text); return;
    case ERR_NOMEM:
    case ERR_LIMIT: reply_unavailable(r, 1, "%s", text); return;
    case ERR_UPSTREAM: reply_fault(r, 502, "UPSTREAM_ERROR", "%s", text); return;
    case ERR_CONFLICT: reply_fault(r, 409, "CONFLICT", "%s", text); return;
    case ERR_NOT_FOUND: reply_detail(r, 404, "%s", text); return;
    case ERR_INPUT: reply_invalid(r, "body", "", "value_error", text); return;
    case ERR_CONFIG: reply_unavailable(r, 60, "%s", text); return;
    default: reply_fault(r, 500, "INTERNAL_ERROR", "%s", text); return;
    }
}

void reply_err(struct req *r, const struct err *err)
{
    answer(r, err->code, fault_told(r, err));
}

void reply_statement_err(struct req *r, const struct err *err)
{
    enum err_code code = err->code == ERR_INPUT && is_asking(r) ? ERR_CONFLICT : err->code;
    answer(r, code, fault_told_of_statement(r, err));
}
