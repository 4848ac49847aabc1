/* See proxy.h. */
#include "tests/support/servers/proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"
#include "tests/support/support.h"

#define PAIRS_MAX  200
#define SWALLOW_MS 100
#define TICK_MS    2

struct piece {
    struct piece *next;
    int64_t due_ms;
    size_t len;
    char bytes[];
};
struct pair {
    int client, server; /* 0 = free */
    bool is_frozen;
    int64_t close_ms; /* answers are swallowed until then, and then it is closed; 0 = not */
    struct piece *first, **last;
};

static struct pair pairs[PAIRS_MAX];
static char chunk[1 << 18];

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static void close_pair(struct pair *p)
{
    close(p->client);
    close(p->server);
    for (struct piece *piece = p->first, *next; piece; piece = next) {
        next = piece->next;
        free(piece);
    }
    memset(p, 0, sizeof *p);
}

static void from_client(struct pair *p, struct proxy_rules *rules)
{
    ssize_t n = read(p->client, chunk, sizeof chunk);
    if (n <= 0) {
        close_pair(p);
        return;
    }
    if (!p->close_ms && atomic_load(&rules->cuts) > 0 &&
        memmem(chunk, (size_t)n, rules->needle, strlen(rules->needle))) {
        atomic_fetch_sub(&rules->cuts, 1);
        atomic_fetch_add(&rules->cuts_made, 1);
        p->close_ms = mono_ms() + SWALLOW_MS;
    }
    if (!write_all(p->server, chunk, (size_t)n)) close_pair(p);
}

static void from_server(struct pair *p, struct proxy_rules *rules)
{
    ssize_t n = read(p->server, chunk, sizeof chunk);
    if (n <= 0) {
        if (!p->close_ms) close_pair(p);
        return;
    }
    if (p->close_ms) return;
    struct piece *piece = malloc(sizeof *piece + (size_t)n);
    if (!piece) abort();
    piece->next = NULL;
    piece->due_ms = mono_ms() + atomic_load(&rules->delay_ms);
    piece->len = (size_t)n;
    memcpy(piece->bytes, chunk, (size_t)n);
    *p->last = piece;
    p->last = &piece->next;
}

static void deliver(struct pair *p, int64_t now)
{
    while (p->client && !p->close_ms && p->first && p->first->due_ms <= now) {
        struct piece *piece = p->first;
        p->first = piece->next;
        if (!p->first) p->last = &p->first;
        bool is_fine = write_all(p->client, piece->bytes, piece->len);
        free(piece);
        if (!is_fine) close_pair(p);
    }
    if (p->client && p->close_ms && now >= p->close_ms) close_pair(p);
}

static void take_client(int listener, int server_port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server_port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int client = accept(listener, NULL, NULL), server = socket(AF_INET, SOCK_STREAM, 0), i = 0;
    while (i < PAIRS_MAX && pairs[i].client) i++;
    if (client < 0 || server < 0 || i == PAIRS_MAX || connect(server, (struct sockaddr *)&to, sizeof to) != 0) {
        if (client >= 0) close(client);
        if (server >= 0) close(server);
        return;
    }
    pairs[i] = (struct pair){.client = client, .server = server};
    pairs[i].last = &pairs[i].first;
}

static bool is_served(const struct pair *p)
{
    return p->client && !p->is_frozen;
}

static void serve(int listener, int server_port, struct proxy_rules *rules)
{
    for (;;) {
        struct pollfd fds[1 + 2 * PAIRS_MAX] = {{.fd = listener, .events = POLLIN}};
        for (int i = 0; i < PAIRS_MAX; i++) {
            fds[1 + 2 * i] = (struct pollfd){.fd = is_served(&pairs[i]) ? pairs[i].client : -1, .events = POLLIN};
            fds[2 + 2 * i] = (struct pollfd){.fd = is_served(&pairs[i]) ? pairs[i].server : -1, .events = POLLIN};
        }
        poll(fds, 1 + 2 * PAIRS_MAX, TICK_MS);
        if (atomic_exchange(&rules->is_frozen, false))
            for (int i = 0; i < PAIRS_MAX; i++) pairs[i].is_frozen = true;
        for (int i = 0; i < PAIRS_MAX; i++) {
            if (!is_served(&pairs[i])) continue;
            if (fds[2 + 2 * i].revents) from_server(&pairs[i], rules);
            if (pairs[i].client && fds[1 + 2 * i].revents) from_client(&pairs[i], rules);
            if (pairs[i].client) deliver(&pairs[i], mono_ms());
        }
        if (fds[0].revents) take_client(listener, server_port);
    }
}

void proxy_start(struct proxy *p, int server_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    p->port = support_free_port();
    p->rules = mmap(NULL, sizeof *p->rules, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p->rules == MAP_FAILED) fail_msg("no shared memory");
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((uint16_t)p->port);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 64) != 0)
        fail_msg("the proxy cannot listen");
    p->pid = fork();
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listener, server_port, p->rules);
    }
    close(listener);
}

void proxy_stop(struct proxy *p)
{
    if (p->pid <= 0) return;
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    munmap(p->rules, sizeof *p->rules);
    memset(p, 0, sizeof *p);
}
