/* Decides where a request ends, and refuses bytes that could be read in two ways. */
#include "services/web/http/message/framing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BIG 4096 /* from here on a request is handed on without a copy */

void framing_init(struct framing *f, const struct framing_rules *rules)
{
    *f = (struct framing){.rules = rules};
}

void framing_free(struct framing *f)
{
    buf_free(&f->held);
}

static void reset(struct framing *f)
{
    buf_free(&f->held);
    *f = (struct framing){.rules = f->rules};
}

void framing_refuse(struct framing *f, int status, const char *text)
{
    f->state = FRAMING_REFUSED;
    f->refusal = (struct refusal){status, text};
}

/* ---- the head ---- */

enum found { FOUND_NOT, FOUND_END, FOUND_FAULT };

/* Looks for the empty line from *line on, where a line begins; *end: behind it. A line feed alone ends no line. */
static enum found find_end(const char *bytes, size_t len, size_t *line, size_t *end)
{
    for (const char *lf; *line < len && (lf = memchr(bytes + *line, '\n', len - *line)) != NULL;) {
        size_t at = (size_t)(lf - bytes);
        if (at == 0 || bytes[at - 1] != '\r' || at == *line) return FOUND_FAULT;
        bool is_empty = at == *line + 1;
        *line = at + 1;
        *end = at + 1;
        if (is_empty) return FOUND_END;
    }
    return FOUND_NOT;
}

/* The head is whole: may its body come? *most: so much of it; more is told *beyond. */
static bool judge(const struct framing_rules *rules, const char *bytes, size_t len, struct head *h, int64_t *most,
                  struct refusal *beyond, struct refusal *why)
{
    if (len > rules->head_max) {
        *why = (struct refusal){431, "The request line and headers are too large"};
        return false;
    }
    if (!head_read(bytes, len, h, why)) return false;
    if (!h->is_chunked && h->length == 0) return true;
    *beyond = (struct refusal){413, "The body is too large for this operation"};
    *most = rules->body_max(rules->arg, (struct framing_text){bytes + h->method.at, h->method.len},
                            (struct framing_text){bytes + h->path.at, h->path.len}, beyond);
    if (h->length > *most) *why = *beyond;
    return !why->status;
}

static bool needs_change(const struct head *h)
{
    return h->is_chunked || h->path.at != h->target.at || h->path.len == 0;
}

size_t framing_plain(const struct framing *f, const char *bytes, size_t n)
{
    struct head h;
    struct refusal why, beyond;
    int64_t most = 0;
    size_t line = 0, end = 0;
    if (find_end(bytes, n, &line, &end) != FOUND_END || !judge(f->rules, bytes, end, &h, &most, &beyond, &why))
        return 0;
    return needs_change(&h) || (size_t)h.length > n - end ? 0 : end + (size_t)h.length;
}

/* ---- the body ---- */

static size_t body_left(const struct framing *f)
{
    return (size_t)f->head.length - (f->held.len - f->head_len);
}

/* Bytes may already lie where they belong, right behind what is held. */
static size_t read_body(struct framing *f, const char *bytes, size_t n)
{
    char *out = f->held.data + f->held.len;
    if (f->state == FRAMING_LENGTH) {
        size_t len = n < body_left(f) ? n : body_left(f);
        memmove(out, bytes, len);
        f->held.len += len;
        if (body_left(f) == 0) f->state = FRAMING_WHOLE;
        return len;
    }
    size_t decoded = 0, taken = chunks_read(&f->chunks, bytes, n, out, &decoded);
    f->held.len += decoded;
    if (f->chunks.state == CHUNKS_BAD)
        framing_refuse(f, 400, "The chunks of the body are malformed");
    else if (f->held.len - f->head_len + f->chunks.left > (uint64_t)f->body_max)
        framing_refuse(f, f->beyond.status, f->beyond.text);

    if (f->state == FRAMING_CHUNKS && f->chunks.state == CHUNKS_OVER) f->state = FRAMING_WHOLE;
    return taken;
}

/* ---- reading ---- */

/* The bytes are held already, from `before` on; what follows the head is read as its body, in place. */
static size_t read_head(struct framing *f, size_t before)
{
    size_t end = 0;
    enum found found = find_end(f->held.data, f->held.len, &f->line, &end);
    size_t n = f->held.len - before;
    if (found == FOUND_FAULT) {
        framing_refuse(f, 400, "The request is malformed: a line ends with a line feed alone");
        return n;
    }
    if (found == FOUND_NOT) {
        if (f->held.len > f->rules->head_max) framing_refuse(f, 431, "The request line and headers are too large");
        return n;
    }
    struct refusal why = {0};
    if (!judge(f->rules, f->held.data, end, &f->head, &f->body_max, &f->beyond, &why)) {
        framing_refuse(f, why.status, why.text);
        return n;
    }
    size_t surplus = f->held.len - end;
    f->head_len = f->held.len = end;
    f->state = f->head.is_chunked ? FRAMING_CHUNKS : f->head.length > 0 ? FRAMING_LENGTH : FRAMING_WHOLE;
    size_t used = surplus > 0 && f->state != FRAMING_WHOLE ? read_body(f, f->held.data + end, surplus) : 0;
    return n - surplus + used;
}

/* Empty lines before a request are read over (RFC 9112, 2.2). */
static size_t skip_empty_lines(struct framing *f, const char *bytes, size_t n)
{
    size_t at = 0;
    if (f->state != FRAMING_HEAD) return 0;
    if (f->held.len == 1 && f->held.data[0] == '\r' && n > 0 && bytes[0] == '\n') {
        buf_reset(&f->held);
        at = 1;
    }
    if (f->held.len == 0)
        while (n - at >= 2 && bytes[at] == '\r' && bytes[at + 1] == '\n') at += 2;
    return at;
}

size_t framing_read(struct framing *f, const char *bytes, size_t n)
{
    if (f->state >= FRAMING_WHOLE) return 0;
    size_t skipped = skip_empty_lines(f, bytes, n), before = f->held.len;
    if (skipped == n) return n;
    bytes += skipped;
    n -= skipped;
    if (!buf_reserve(&f->held, n + 1)) {
        framing_refuse(f, 503, "There is no memory for the request");
        return skipped + n;
    }
    if (f->state != FRAMING_HEAD) return read_body(f, bytes, n);
    buf_add(&f->held, bytes, n);
    return skipped + read_head(f, before);
}

bool framing_waits_for_continue(const struct framing *f)
{
    return (f->state == FRAMING_LENGTH || f->state == FRAMING_CHUNKS) && f->head.expects_continue && !f->head.is_1_0 &&
           f->held.len == f->head_len && f->chunks.state == CHUNKS_SIZE && f->chunks.line_len == 0;
}

/* ---- handing on ---- */

static void free_bytes(const void *bytes, size_t len, void *arg)
{
    (void)bytes, (void)len;
    free(arg);
}

static bool add_held(struct framing *f, struct evbuffer *out, size_t from)
{
    size_t len = f->held.len - from;
    if (len < BIG) return evbuffer_add(out, f->held.data + from, len) == 0;
    char *bytes = buf_steal(&f->held);
    return bytes && evbuffer_add_reference(out, bytes + from, len, free_bytes, bytes) == 0;
}

/* The head without authority and coding, and with the length of the body. */
static bool add_head(const struct framing *f, struct evbuffer *out)
{
    const struct head *h = &f->head;
    const char *bytes = f->held.data;
    size_t fields_end = f->head_len - 2;
    struct slice coding = h->coding.len ? h->coding : (struct slice){fields_end, 0};
    size_t after = coding.at + coding.len;
    bool is_good = evbuffer_add(out, bytes, h->target.at) == 0 && (h->path.len > 0 || evbuffer_add(out, "/", 1) == 0) &&
                   evbuffer_add(out, bytes + h->path.at, coding.at - h->path.at) == 0 &&
                   evbuffer_add(out, bytes + after, fields_end - after) == 0;
    if (h->is_chunked)
        is_good = is_good && evbuffer_add_printf(out, "Content-Length: %zu\r\n", f->held.len - f->head_len) > 0;
    return is_good && evbuffer_add(out, "\r\n", 2) == 0;
}

bool framing_hand_on(struct framing *f, struct evbuffer *out)
{
    bool is_plain = !needs_change(&f->head);
    bool is_good = is_plain ? add_held(f, out, 0) : add_head(f, out) && add_held(f, out, f->head_len);
    reset(f);
    return is_good;
}

void framing_hand_on_refused(struct framing *f, struct evbuffer *out)
{
    const struct head *h = &f->head;
    bool is_head = f->held.len >= 5 && memcmp(f->held.data, "HEAD ", 5) == 0;
    if (h->path.len > 0 && f->held.data && f->refusal.status != 501)
        evbuffer_add_printf(out, "%.*s %.*s", (int)h->method.len, f->held.data + h->method.at, (int)h->path.len,
                            f->held.data + h->path.at);
    else
        evbuffer_add_printf(out, "%s /", is_head ? "HEAD" : "GET");
    evbuffer_add_printf(out, " HTTP/1.1\r\nHost: unknown\r\nConnection: close\r\n\r\n");
    buf_free(&f->held);
}
