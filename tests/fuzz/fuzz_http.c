/* Requests to the web process: the real one, without PostgreSQL and Redis, gets the bytes over a connection. It sets
 * itself up in a thread; its loop is turned by us, so that nobody waits for another thread, and it sees each packet.
 * Bytes that begin with 0xff are the plan of a conversation of known requests: any method, any path of the table,
 * bodies of each kind, cut into packets anywhere; it has as many answers as requests. All others are sent as they are;
 * what comes back is a row of whole HTTP answers and nothing else. short run: 2500, leaks: at the end */
#include <stdbool.h>
#include <strings.h>

#include "tests/fuzz/fuzz_web.h"

/* ---- answers ---- */

/* Reads the answers in text; is_head(i): the i-th is one to HEAD (bit of heads). Their number; -1: something else came.
 * Answers that tell to go on are none. */
static int count_answers(const char *text, size_t len, uint64_t heads)
{
    const char *p = text, *end = text + len;
    int n = 0;
    while (p < end) {
        const char *body = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
        if (end - p < 12 || strncmp(p, "HTTP/1.", 7) != 0 || !body) return -1;
        body += 4;
        int status = atoi(p + 9);
        if (status == 100) {
            p = body;
            continue;
        }
        const char *length = NULL, *coding = NULL;
        for (const char *line = strchr(p, '\n') + 1; line < body - 2; line = strchr(line, '\n') + 1) {
            if (strncasecmp(line, "Content-Length: ", 16) == 0) length = line + 16;
            if (strncasecmp(line, "Transfer-Encoding: ", 19) == 0) coding = line + 19;
        }
        bool is_empty = status == 204 || status == 304 || (n < 64 && heads >> n & 1);
        bool is_to_end = !length && strncmp(p, "HTTP/1.0", 8) == 0;
        if (!is_empty && !is_to_end && (!length || coding)) return -1; /* without PostgreSQL nothing is streamed */
        long size = is_empty ? 0 : is_to_end ? end - body : strtol(length, NULL, 10);
        if (size > end - body) return -1;
        p = body + size;
        n++;
    }
    return n;
}

/* ---- a conversation by plan ---- */

struct plan {
    const uint8_t *data;
    size_t left;
};

static unsigned pick(struct plan *p, unsigned many)
{
    if (p->left == 0) return 0;
    p->left--;
    return *p->data++ % many;
}

static const char *const paths[] = {
#define R(method, path, access, limits, handler, query, body, response, summary)      path,
#define RS(method, path, access, limits, id, handler, query, body, response, summary) path,
#include "services/web/gate/routes.def"
#undef R
#undef RS
    "/nowhere", "//x/ui", "/health?a&b", "/health?%zz", "/ui/../x", "*"};
static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};

struct talk {
    char text[16384];
    size_t len;
    int requests;   /* that must be answered */
    uint64_t heads; /* those of HEAD, by number */
    bool is_over;   /* nothing after this is read */
};

static void add(struct talk *t, const char *text)
{
    size_t len = strlen(text);
    if (t->len + len >= sizeof t->text) abort();
    memcpy(t->text + t->len, text, len + 1);
    t->len += len;
}

/* A request inside the body of another one, which must never be answered. */
#define INNER "GET /inner HTTP/1.1\r\nHost: h\r\n\r\n"

static void add_body(struct talk *t, struct plan *p, bool is_head)
{
    char line[80];
    switch (pick(p, 9)) {
    case 0: break;
    case 1: add(t, "Content-Length: 0\r\n\r\n"); return;
    case 2:
        snprintf(line, sizeof line, "Content-Length: %zu\r\n\r\n" INNER, sizeof INNER - 1);
        add(t, line);
        t->is_over = t->is_over || is_head;
        return;
    case 3:
        snprintf(line, sizeof line, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n" INNER "\r\n0\r\n\r\n",
                 sizeof INNER - 1);
        add(t, line);
        t->is_over = t->is_over || is_head;
        return;
    case 4:
        add(t, "Transfer-Encoding: chunked\r\n\r\n1;a=\"b\"\r\n{\r\n01\r\n}\r\n000\r\nContent-Length: 31\r\n\r\n");
        t->is_over = t->is_over || is_head;
        return;
    case 5:
        add(t, "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" INNER);
        t->is_over = true;
        return;
    case 6:
        add(t, "Transfer-Encoding: chunked\r\n\r\n0 \r\n\r\n" INNER);
        t->is_over = true;
        return;
    case 7:
        add(t, "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{}");
        t->is_over = t->is_over || is_head;
        return;
    default:
        add(t, "Content-Length: 31\r\nContent-Length: 31\r\n\r\n" INNER);
        t->is_over = true;
        return;
    }
    add(t, "\r\n");
}

static void add_request(struct talk *t, struct plan *p)
{
    unsigned method = pick(p, sizeof methods / sizeof *methods), version = pick(p, 8);
    const char *path = paths[pick(p, sizeof paths / sizeof *paths)];
    bool is_head = method == 1, is_asterisk = *path == '*' && method != 6;
    add(t, methods[method]);
    add(t, " ");
    if (pick(p, 8) == 1 && *path == '/') add(t, "http://h");
    add(t, path);
    add(t, version == 1 ? " HTTP/1.0\r\n" : version == 2 ? " HTTP/1.2\r\n" : " HTTP/1.1\r\n");
    add(t, "Host: h\r\n");
    bool is_last = version == 1 || version == 2 || is_asterisk; /* HTTP/1.0 without keep-alive, or refused */
    if (pick(p, 12) == 1) {
        add(t, "Connection: close\r\n");
        is_last = true;
    }
    if (is_head && t->requests < 64) t->heads |= 1ull << t->requests;
    add_body(t, p, is_head);
    t->requests++;
    t->is_over = t->is_over || is_last;
}

static void converse(int fd, const uint8_t *data, size_t size)
{
    static struct talk t;
    static char got[1 << 22];
    struct plan p = {data, size};
    memset(&t, 0, sizeof t);
    unsigned piece = 1 + pick(&p, 255), requests = 1 + pick(&p, 8);
    for (unsigned i = 0; i < requests && !t.is_over; i++) add_request(&t, &p);
    if (!t.is_over) {
        add(&t, "GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        t.requests++;
    }
    if (piece > 200) piece = sizeof t.text;
    for (size_t at = 0; at < t.len; at += piece) {
        size_t n = t.len - at < piece ? t.len - at : piece;
        if (send(fd, t.text + at, n, MSG_NOSIGNAL) < 0) break;
        event_base_loop(loop, EVLOOP_NONBLOCK);
    }
    size_t len = read_answers(fd, got, sizeof got);
    int answers = count_answers(got, len, t.heads);
    if (answers != t.requests)
        fprintf(stderr, "%d requests, %d answers\n%.*s\n-----\n%.*s\n", t.requests, answers, (int)t.len, t.text,
                (int)len, got);
    PROMISE(answers == t.requests);
    PROMISE(!strstr(got, "/inner"));
}

/* ---- any bytes ---- */

/* Which of them were HEAD nobody knows: the answers are whole in one of the two ways for each. */
static void say(int fd, const uint8_t *data, size_t size)
{
    static char got[1 << 22];
    if (send(fd, data, size, MSG_NOSIGNAL) < 0) return;
    shutdown(fd, SHUT_WR);
    size_t len = read_answers(fd, got, sizeof got);
    PROMISE(len < 9 || memcmp(got, "HTTP/1.1 ", 9) == 0 || memcmp(got, "HTTP/1.0 ", 9) == 0);
    bool has_head = memmem(data, size, "HEAD ", 5) != NULL;
    if (!has_head) PROMISE(count_answers(got, len, 0) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = connect_to_web();
    struct linger at_once = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (size > 0 && *data == 0xff)
        converse(fd, data + 1, size - 1);
    else
        say(fd, data, size);
    close(fd);
    return 0;
}
