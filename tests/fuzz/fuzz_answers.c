/* What those answer whom we call: receivers of webhooks (POST), of alarms (POST), heartbeats (GET) and mail servers.
 * The first byte chooses; the rest is sent at once to whoever connects, as it is. Each call ends, and says in whole
 * characters what was wrong. short run: 300 */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "conf/conf.h"
#include "conf/text/utf8.h"
#include "services/alert/courier.h"
#include "services/feed/post.h"
#include "services/feed/retry.h"
#include "tests/fuzz/fuzz.h"

#define ENDS_WITHIN_MS 60000

static int listener = -1, port;
static struct event_base *base;
static struct posts *posts;
static struct courier *courier;

static void set_up(void)
{
    struct err err = {0};
    struct conf_paths paths = {0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    if (listener >= 0) return;
    setenv("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8", 1);
    setenv("WEBHOOK_TIMEOUT_SECONDS", "5", 1);
    unsetenv("http_proxy");
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0)
        abort();
    port = ntohs(address.sin_port);
    static struct conf *conf; /* lives as long as the posts */
    conf = conf_load(&paths, &err);
    if (!conf || !(posts = posts_new(conf, &err)) || !(base = event_base_new()) || !(courier = courier_new(base))) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

static struct {
    bool is_over, is_bad;
    int64_t retry_after_s;
    int status;
} end;

static void check_why(const char *why)
{
    PROMISE(strlen(why) < 400 && utf8_is_valid(why, strlen(why)));
    for (const char *p = why; *p; p++) PROMISE((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void on_post(void *arg, const struct post_answer *answer)
{
    (void)arg;
    PROMISE(!end.is_over && answer->status >= 0 && answer->status < 1000 && answer->retry_after_s >= 0);
    PROMISE((*answer->why == 0) == (answer->status / 100 == 2));
    check_why(answer->why);
    end.is_over = true;
    int64_t wait_ms = -1;
    struct retry_facts facts = {.status = answer->status,
                                .retry_after_s = answer->retry_after_s,
                                .failures = 2,
                                .failing_ms = 1000,
                                .give_up_ms = 1000000,
                                .chance = 7};
    if (retry_decide(&facts, &wait_ms) == FATE_AGAIN) PROMISE(wait_ms > 0);
}

static void on_courier(void *arg, const char *why)
{
    (void)arg;
    PROMISE(!end.is_over);
    end.is_over = true;
    if (why) PROMISE(*why);
    if (why) check_why(why);
}

/* Whoever has connected gets the bytes; the connection stays until the call is over. */
static void serve(int clients[8], int *count, const uint8_t *data, size_t size)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    struct linger at_once = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once); /* ports are scarce in a long run */
    if (send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && size > 0) perror("send");
    shutdown(fd, SHUT_WR);
    if (*count < 8)
        clients[(*count)++] = fd;
    else
        close(fd);
}

static int start(unsigned kind, char url[64])
{
    static const char body[] = "{\"type\":\"changes\"}";
    struct post_request request = {.url = url, .body = body, .id = "msg_1", .signature = "v1,x", .timestamp_s = 1};
    struct err err = {0};
    snprintf(url, 64, "%s://127.0.0.1:%d/x", kind == 3 ? "smtp" : "http", port);
    switch (kind) {
    case 0: return post_start(posts, &request, on_post, NULL, &err);
    case 1: return courier_call(courier, url, body, on_courier, NULL, &err);
    case 2: return courier_call(courier, url, NULL, on_courier, NULL, &err);
    default:
        return courier_mail(courier, url, "a@b.example", "c@d.example", "A problem", "text", on_courier, NULL, &err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char url[64];
    int clients[8], count = 0;
    if (size < 1 || size > 100000) return 0;
    set_up();
    memset(&end, 0, sizeof end);
    if (start(data[0] % 4, url) != 0) abort();
    int64_t until_ms = mono_ms() + ENDS_WITHIN_MS;
    while (!end.is_over && mono_ms() < until_ms) {
        serve(clients, &count, data + 1, size - 1);
        if (data[0] % 4 == 0)
            posts_poll(posts, 1);
        else
            event_base_loop(base, EVLOOP_NONBLOCK);
    }
    PROMISE(end.is_over);
    for (int i = 0; i < count; i++) close(clients[i]);
    return 0;
}
