/* What Sentinels answer: the bytes come from each of two of them over a connection, cut where a 0xff stands, and the
 * connection ends. There is one verdict, at once: an address with a port, or why there is none. short run: 6000 */
#include <sys/socket.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "conf/text/utf8.h"
#include "ipc/dial.h"
#include "ipc/redis/redis_url.h"
#include "ipc/redis/sentinel.h"
#include "tests/fuzz/fuzz.h"

#define SENTINELS 2

/* In place of the real one: the other end of a pair of sockets. */
struct dial {
    dial_fn fn;
    void *arg;
};
static struct dial dialled[SENTINELS];
static int dial_count;

struct dial *dial_start(struct event_base *base, const char *host, int port, dial_fn fn, void *arg)
{
    (void)base, (void)host, (void)port;
    PROMISE(dial_count < SENTINELS);
    dialled[dial_count] = (struct dial){fn, arg};
    return &dialled[dial_count++];
}

void dial_cancel(struct dial *d)
{
    (void)d;
}

static struct {
    bool is_over;
    struct sentinel_found found;
    bool has_found;
} end;

static void on_found(void *arg, const struct sentinel_found *found, const char *why)
{
    (void)arg;
    PROMISE(!end.is_over);
    end.is_over = true;
    end.has_found = found != NULL;
    PROMISE(found ? !*why : *why != 0);
    PROMISE(utf8_is_valid(why, strlen(why)));
    for (const char *p = why; *p; p++) PROMISE((unsigned char)*p >= ' ' && *p != 0x7f);
    if (!found) return;
    end.found = *found;
    PROMISE(*found->host && found->port > 0 && found->port < 65536 && found->named_by >= 1);
    PROMISE(found->named_by <= SENTINELS && found->of == SENTINELS);
    for (const char *p = found->host; *p; p++) PROMISE((unsigned char)*p > ' ' && (unsigned char)*p < 0x7f);
}

static void serve(struct event_base *base, int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const uint8_t *cut = memchr(data, 0xff, size);
        size_t n = cut ? (size_t)(cut - data) : size;
        if (n > 0 && send(fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
        event_base_loop(base, EVLOOP_NONBLOCK);
        size_t used = n + (cut != NULL);
        data += used;
        size -= used;
    }
    shutdown(fd, SHUT_WR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct event_base *base;
    static struct redis_url url;
    struct redis_address none = {0};
    struct err err = {0};
    int pairs[SENTINELS][2];
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t first = zero ? (size_t)(zero - data) : size, used = first + (zero != NULL);
    if (!base) {
        base = event_base_new();
        if (!base || redis_url_parse("sentinel://h1:1,h2:2/0?master_name=mymaster", &url, &err) != 0) abort();
        snprintf(url.sentinels.password, sizeof url.sentinels.password, "%s", "secret");
    }
    memset(&end, 0, sizeof end);
    dial_count = 0;
    struct sentinel_search *s = sentinel_start(base, &url, NULL, &none, &none, on_found, NULL);
    PROMISE(s && dial_count == SENTINELS);
    for (int i = 0; i < SENTINELS; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pairs[i]) != 0) abort();
        dialled[i].fn(dialled[i].arg, pairs[i][0], "");
    }
    serve(base, pairs[0][1], data, first);
    serve(base, pairs[1][1], data + used, size - used);
    for (int64_t until_ms = mono_ms() + 3000; !end.is_over && mono_ms() < until_ms;)
        event_base_loop(base, EVLOOP_NONBLOCK);
    PROMISE(end.is_over);
    for (int i = 0; i < SENTINELS; i++) close(pairs[i][1]);
    return 0;
}
