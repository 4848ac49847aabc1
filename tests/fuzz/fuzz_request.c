/* What a request says besides its framing, the first byte chooses: cookies, forms and queries, the type that is
 * preferred, paths and patterns, tokens of sessions, and signatures of webhooks. A zero byte in the input
 * splits it. short run: 20000 */
#include <sys/queue.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#include "conf/text/utf8.h"
#include "services/feed/sign.h"
#include "services/web/gate/pattern.h"
#include "services/web/gate/session.h"
#include "services/web/http/accept.h"
#include "services/web/http/message/query.h"
#include "services/web/http/req.h"
#include "tests/fuzz/fuzz.h"

static struct req *with_header(const char *name, const char *value)
{
    static struct req r;
    memset(&r, 0, sizeof r);
    TAILQ_INIT(&r.query);
    r.ev = evhttp_request_new(NULL, NULL);
    if (!r.ev) abort();
    if (evhttp_add_header(evhttp_request_get_input_headers(r.ev), name, value) != 0)
        PROMISE(strpbrk(value, "\r\n")); /* it never came so far */
    return &r;
}

/* The value stands in the header behind the name, whole, and at the begin of a pair. */
static void read_cookie(const char *name, const char *header)
{
    char value[40];
    if (!*name || strpbrk(name, "=; \r\n")) return;
    struct req *r = with_header("Cookie", header);
    if (req_cookie(r, name, value, sizeof value)) {
        char pair[sizeof value + 300];
        PROMISE(strlen(value) < sizeof value && !strpbrk(value, "; "));
        PROMISE(strlen(name) < 300 || strstr(header, value));
        if (snprintf(pair, sizeof pair, "%s=%s", name, value) < (int)sizeof pair) {
            const char *at = strstr(header, pair);
            while (at && at > header && !strchr("; ", at[-1])) at = strstr(at + 1, pair);
            PROMISE(at);
        }
    }
    evhttp_request_free(r->ev);
}

static void encode(struct buf *out, const char *text)
{
    for (; *text; text++) buf_printf(out, "%%%02x", (unsigned char)*text);
}

/* Names and values are text; encoded again they are read as the same, in the same order. */
static void read_query(const char *text)
{
    struct evkeyvalq first, second;
    struct buf again = {0};
    TAILQ_INIT(&first);
    TAILQ_INIT(&second);
    bool is_good = query_parse(text, &first);
    PROMISE(is_good || !first.tqh_first);
    buf_str(&again, "");
    for (struct evkeyval *kv = first.tqh_first; kv; kv = kv->next.tqe_next) {
        PROMISE(utf8_is_valid(kv->key, strlen(kv->key)) && utf8_is_valid(kv->value, strlen(kv->value)));
        encode(&again, kv->key);
        buf_char(&again, '=');
        encode(&again, kv->value);
        buf_char(&again, '&');
    }
    PROMISE(query_parse(again.data ? again.data : "", &second));
    struct evkeyval *b = second.tqh_first;
    for (struct evkeyval *a = first.tqh_first; a; a = a->next.tqe_next, b = b->next.tqe_next)
        PROMISE(b && strcmp(a->key, b->key) == 0 && strcmp(a->value, b->value) == 0);
    PROMISE(!b);
    evhttp_clear_headers(&first);
    evhttp_clear_headers(&second);
    buf_free(&again);
}

static void read_accept(const char *text)
{
    struct req *r = with_header("Accept", text);
    enum form form = accept_form(r);
    if (form == FORM_CSV) PROMISE(strcasestr(text, TYPE_CSV));
    if (form == FORM_LINES) PROMISE(strcasestr(text, "json"));
    evhttp_request_free(r->ev);
}

static const char *const patterns[] = {
#define R(method, path, access, limits, handler, query, body, response, summary)      path,
#define RS(method, path, access, limits, id, handler, query, body, response, summary) path,
#include "services/web/gate/routes.def"
#undef R
#undef RS
};
#define PATTERNS (sizeof patterns / sizeof *patterns)

/* What was taken out of a path is a piece of it, with no slash in it but of a rest. */
static void match(const char *path)
{
    struct framing_text params[PATTERN_PARAMS_MAX], whole = {path, strlen(path)};
    for (size_t i = 0; i < PATTERNS; i++) {
        int count = -1;
        if (!pattern_matches(patterns[i], whole, params, &count)) continue;
        PROMISE(count >= 0 && count <= PATTERN_PARAMS_MAX);
        for (int k = 0; k < count; k++) {
            PROMISE(params[k].len > 0 && params[k].text >= path && params[k].text + params[k].len <= path + whole.len);
            PROMISE(strstr(patterns[i], ":path}") || !memchr(params[k].text, '/', params[k].len));
        }
        PROMISE(count > 0 || strncmp(patterns[i], path, strlen(path)) == 0 || path[strlen(path) - 1] == '/');
    }
}

static void read_session(const char *token)
{
    char id[65], again[65];
    if (!session_id_of(token, id)) return;
    PROMISE(strlen(token) == 64 && strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64);
    PROMISE(session_id_of(token, again) && session_equal(id, again) && !session_equal(id, token));
}

/* A signature is of one form, and of this body only. */
static void sign(const char *secret, const char *body)
{
    struct buf one = {0}, other = {0}, longer = {0};
    struct err err = {0};
    int rc = sign_add(&one, secret, "msg_1", 1780000000, body, &err);
    PROMISE(rc <= 0 && (rc == 0) == !err.text[0]);
    if (rc == 0) {
        buf_str(&longer, body);
        buf_char(&longer, 'x');
        PROMISE(one.len == 3 + 44 && memcmp(one.data, "v1,", 3) == 0);
        PROMISE(sign_add(&other, secret, "msg_1", 1780000000, longer.data, &err) == 0 && other.len == one.len);
        PROMISE(memcmp(one.data, other.data, one.len) != 0);
        PROMISE(sign_add(&one, secret, "msg_1", 1780000000, body, &err) == 0 && one.len == 2 * (3 + 44) + 1);
    }
    buf_free(&one);
    buf_free(&other);
    buf_free(&longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    char *first = fuzz_text(data + 1, size - 1);
    const char *second = strlen(first) < size - 1 ? first + strlen(first) + 1 : "";
    switch (data[0] % 8) {
    case 0: read_cookie(first, second); break;
    case 1:
    case 2: read_query(first); break;
    case 3: read_accept(first); break;
    case 4: match(first); break;
    case 5: read_session(first); break;
    default: sign(first, second); break;
    }
    free(first);
    return 0;
}
