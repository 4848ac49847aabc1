/* What a program answers that is probed by HTTP: the bytes come over a connection, cut where a 0xff stands. It is ready
 * when it answers with the status line of a success or a redirection, and not with anything else. short run: 1000 */
#include <arpa/inet.h>
#include <ctype.h>
#include <sys/socket.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "supervisor/child/child.h"
#include "supervisor/child/probe.h"
#include "supervisor/child/pulse.h"
#include "tests/fuzz/fuzz.h"

static int ready;
static int64_t past_ms;

/* In place of the real ones. */
void child_event(struct child *c, enum child_event event)
{
    (void)c;
    PROMISE(event == EVENT_READY);
    ready++;
}

bool pulse_slept_since(struct supervisor *s, int64_t since_ms)
{
    (void)s, (void)since_ms;
    return false;
}

static struct supervisor sup;
static struct program program = {.ready = READY_HTTP, .ready_interval_ms = 60000};
static struct child child = {.sup = &sup, .spec = {.name = "fuzz", .program = &program}};
static int listener = -1;

static void set_up(void)
{
    static char target[64];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    log_set_level(LOG_CRITICAL);
    sup.base = event_base_new();
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (!sup.base || listener < 0 || bind(listener, (struct sockaddr *)&address, len) != 0 ||
        listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&address, &len) != 0)
        abort();
    snprintf(target, sizeof target, "127.0.0.1:%d/ready", ntohs(address.sin_port));
    program.ready_target = target;
}

static void turn(void)
{
    event_base_loop(sup.base, EVLOOP_NONBLOCK);
}

/* "HTTP/1.1 2xx", then a blank or the line's end (the reason may be missing), as far as it came. */
static bool is_good(const char *text, size_t len)
{
    return len >= 12 && strncmp(text, "HTTP/1.", 7) == 0 && isdigit((unsigned char)text[7]) && text[8] == ' ' &&
           (text[9] == '2' || text[9] == '3') && isdigit((unsigned char)text[10]) && isdigit((unsigned char)text[11]);
}

static int accept_probe(void)
{
    int fd = -1;
    for (int64_t until_ms = mono_ms() + 3000; fd < 0 && mono_ms() < until_ms;) {
        turn();
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    struct linger at_once = {1, 0};
    PROMISE(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char request[600], plain[13] = "", asked[80];
    size_t len = 0;
    ssize_t n = -1;
    if (listener < 0) set_up();
    ready = 0;
    struct readiness_probe *p = probe_start(&child);
    PROMISE(p);
    int fd = accept_probe();
    for (past_ms = mono_ms() + 3000; n < 0 && mono_ms() < past_ms; n = recv(fd, request, sizeof request - 1, 0)) turn();
    request[n > 0 ? n : 0] = 0;
    snprintf(asked, sizeof asked, "GET /ready HTTP/1.0\r\nHost: 127.0.0.1\r\n");
    PROMISE(strncmp(request, asked, strlen(asked)) == 0 && n > 4 && strcmp(request + n - 4, "\r\n\r\n") == 0);
    for (size_t at = 0; at < size && ready == 0;) {
        const uint8_t *cut = memchr(data + at, 0xff, size - at);
        size_t piece = cut ? (size_t)(cut - data) - at : size - at;
        for (size_t i = at; i < at + piece && len < 12; i++) plain[len++] = (char)data[i];
        if (piece > 0 && send(fd, data + at, piece, MSG_NOSIGNAL) < 0) break;
        at += piece + (cut != NULL);
        turn();
    }
    shutdown(fd, SHUT_WR);
    for (past_ms = mono_ms() + 3000; ready == 0 && mono_ms() < past_ms;) { /* until it has hung up */
        char byte;
        turn();
        n = recv(fd, &byte, 1, MSG_PEEK);
        if (n == 0 || (n < 0 && errno != EAGAIN)) break;
    }
    PROMISE(ready == (is_good(plain, len) ? 1 : 0));
    probe_free(p);
    close(fd);
    return 0;
}
