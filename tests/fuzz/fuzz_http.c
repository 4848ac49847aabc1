/* Requests to the web process: the real one runs in a thread beside us, without PostgreSQL and Redis, and gets the
 * bytes over a connection. Whatever comes back begins like an HTTP answer. short run: 600 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "conf/conf.h"
#include "conf/log.h"
#include "services/role.h"
#include "tests/fuzz/fuzz.h"

#define ANSWER_MS 2000
#define MORE_MS   5 /* after the first bytes: event streams have no end */

int LLVMFuzzerInitialize(int *argc, char ***argv);
static struct sockaddr_in address;

static void *serve(void *conf)
{
    char *argv[] = {"web", NULL};
    web_main(conf, 1, argv);
    abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    struct err err = {0};
    socklen_t len = sizeof address;
    pthread_t thread;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 64) != 0) abort();
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 || (fd != 3 && dup2(fd, 3) != 3)) abort();
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
    if (!conf || pthread_create(&thread, NULL, serve, conf) != 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return 0;
}

/* Reads to the end, at most for ANSWER_MS, and checks the first bytes. */
static void read_answer(int fd)
{
    char bytes[65536];
    bool is_first = true;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, is_first ? ANSWER_MS : MORE_MS) == 1) {
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0) return;
        if (is_first) PROMISE(n < 9 || memcmp(bytes, "HTTP/", 5) == 0);
        is_first = false;
    }
}

/* A connection from an address of its own for every few thousand inputs: one has not enough ports for a long run. */
static int connect_to_web(void)
{
    static uint32_t count;
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + count++ / 4096 % 65536)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    if (fd >= 0 && setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes) == 0 &&
        bind(fd, (struct sockaddr *)&from, sizeof from) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    perror("connect");
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = connect_to_web();
    struct linger at_once = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (send(fd, data, size, MSG_NOSIGNAL) >= 0) {
        shutdown(fd, SHUT_WR);
        read_answer(fd);
    }
    close(fd);
    return 0;
}
