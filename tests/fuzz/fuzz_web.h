/* The web process inside a fuzz target: the real one, without Redis, sets itself up in a thread; its loop is turned by
 * the target, so that nobody waits for another thread, and it sees each packet. For targets with leaks: at the end. */
#ifndef LOGIKALD_TESTS_FUZZ_WEB_H
#define LOGIKALD_TESTS_FUZZ_WEB_H

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "conf/conf.h"
#include "conf/log.h"
#include "services/role.h"
#include "tests/fuzz/fuzz.h"

#define ANSWER_MS 2000

int LLVMFuzzerInitialize(int *argc, char ***argv);
static struct sockaddr_in address;
static struct event_base *loop;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t is_set_up = PTHREAD_COND_INITIALIZER;

/* In place of libevent's: web has set itself up. Its thread, whose stack has what it set up, stays here for good. */
int event_base_dispatch(struct event_base *base)
{
    pthread_mutex_lock(&guard);
    loop = base;
    pthread_cond_signal(&is_set_up);
    for (;;) pthread_cond_wait(&is_set_up, &guard);
}

static void *serve(void *conf)
{
    char *argv[] = {"web", NULL};
    web_main(conf, 1, argv);
    abort();
}

static void start(struct conf *conf)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, conf) != 0) abort();
    pthread_mutex_lock(&guard);
    while (!loop) pthread_cond_wait(&is_set_up, &guard);
    pthread_mutex_unlock(&guard);
}

static char run_dir[64];

static void remove_run_dir(void)
{
    rmdir(run_dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    struct err err = {0};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 64) != 0) abort();
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 || (fd != 3 && dup2(fd, 3) != 3)) abort();
    fuzz_dir(run_dir, sizeof run_dir); /* the control socket of nobody */
    atexit(remove_run_dir);
    setenv("LOGIKALD_RUN_DIR", run_dir, 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LOGIKALD_SUPERVISED", "1", 1);
    setenv("RATE_LIMIT_PER_MINUTE", "0", 1);
    setenv("RATE_LIMIT_PER_HOUR", "0", 1);
    setenv("LOG_LEVEL", "critical", 1);
    setenv("JWT_SECRET_KEY", "a key of the test that is known to nobody", 1);
    setenv("ADMIN_PASSWORD", "a password of the test", 1);
    struct conf_paths paths = {0};
    struct conf *conf = conf_load(&paths, &err);
    signal(SIGPIPE, SIG_IGN); /* as the program's main does */
    log_open("web", LOG_CRITICAL, LOG_TEXT);
    if (!conf) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    start(conf);
    return 0;
}

/* A connection from an address of its own for every few thousand inputs: one has not enough ports for a long run. */
static inline int connect_to_web(void)
{
    static uint32_t count;
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + count++ / 4096 % 65536)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    if (fd >= 0 && setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 &&
        bind(fd, (struct sockaddr *)&from, sizeof from) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    perror("connect");
    abort();
}

/* To the end of the connection. */
static inline size_t read_answers(int fd, char *out, size_t size)
{
    size_t n = 0;
    for (int64_t until_ms = mono_ms() + ANSWER_MS; n < size - 1 && mono_ms() < until_ms;) {
        ssize_t k = recv(fd, out + n, size - 1 - n, MSG_DONTWAIT);
        if (k == 0 || (k < 0 && errno != EAGAIN)) break;
        if (k > 0) n += (size_t)k;
        if (k > 0) until_ms = mono_ms() + ANSWER_MS;
        if (k < 0) event_base_loop(loop, EVLOOP_NONBLOCK);
    }
    out[n] = 0;
    return n;
}

#endif
