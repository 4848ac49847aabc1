/* Names: all addresses of one are tried, the files are read anew for each attempt, several hosts stand in one URL, and
 * nothing of it holds up the loop. The process under test sees its own /etc/hosts and /etc/resolv.conf (a mount
 * namespace, which takes root). */
#include "tests/support/support.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"

static struct pg_server pg;
static struct redis_server redis;
static struct process web;
static char hosts_path[300], resolv_path[300], base[64];

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w"); /* in place: the mount stays on the same file */
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) fail_msg("cannot write %s", path);
}

/* As the shell runs it: a role of ours that sees these files. */
static void command_with_files(char *out, size_t size, const char *role)
{
    snprintf(out, size,
             "mount --make-rprivate / && mount --bind '%s' /etc/hosts && mount --bind '%s' /etc/resolv.conf && exec "
             "'%s' %s",
             hosts_path, resolv_path, support_program("logikald-roles"), role);
}

static void web_start(const char *database_hosts, const char *redis_hosts, const char *hosts, const char *resolv)
{
    char command[1200], database[400], redis_url[300], port[32], run_dir[300];
    int at = support_free_port();
    write_file(hosts_path, hosts);
    write_file(resolv_path, resolv);
    snprintf(base, sizeof base, "http://127.0.0.1:%d", at);
    snprintf(database, sizeof database, "DATABASE_URL=postgresql://postgres@%s/logikald?sslmode=disable",
             database_hosts);
    snprintf(redis_url, sizeof redis_url, "REDIS_URL=redis://%s/0", redis_hosts);
    snprintf(port, sizeof port, "PORT=%d", at);
    snprintf(run_dir, sizeof run_dir, "LOGIKALD_RUN_DIR=%.200s/run", support_dir());
    command_with_files(command, sizeof command, "web");
    char *const argv[] = {(char *)"unshare", (char *)"-m", (char *)"sh", (char *)"-c", command, NULL};
    char *const env[] = {database,
                         redis_url,
                         port,
                         run_dir,
                         (char *)"HOST=127.0.0.1",
                         (char *)"ADMIN_PASSWORD=correct horse battery",
                         (char *)"SECRET_KEY=0123456789abcdef0123456789abcdef",
                         (char *)"JWT_SECRET_KEY=fedcba9876543210fedcba9876543210",
                         NULL};
    process_start(&web, "web", argv, env);
}

static void web_end(void)
{
    process_signal(&web, 15);
    int status = process_wait(&web, 30000);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    char *log = process_log(&web);
    fail_msg("web ended with %d: %s", status, log);
}

static int status_of(const char *path)
{
    char url[128];
    snprintf(url, sizeof url, "%s%s", base, path);
    struct http_reply reply = http_get(url);
    int status = reply.status;
    http_reply_free(&reply);
    return status;
}

static bool is_ready(void)
{
    return status_of("/api/v1/health/ready") == 200;
}

static bool redis_is_up(void)
{
    return process_logged(&web, "Redis is reachable");
}

/* HOST:port of both servers, for a name. */
static void at_ports(const char *name, char *database, char *of_redis, size_t size)
{
    snprintf(database, size, "%s:%d", name, pg.port);
    snprintf(of_redis, size, "%s:%d", name, redis.port);
}

TEST(test_every_address_is_tried)
{
    static const char *const rows[] = {
        "127.0.0.9 servers.test\n127.0.0.1 servers.test\n",
        "127.0.0.1 servers.test\n127.0.0.9 servers.test\n",
        "127.0.0.9 servers.test\n127.0.0.8 servers.test\n127.0.0.7 servers.test\n127.0.0.1 servers.test\n",
        "::1 servers.test\n127.0.0.1 servers.test\n",
        "127.0.0.1 servers.test\n::1 servers.test\n",
    };
    char database[100], of_redis[100];
    at_ports("servers.test", database, of_redis, sizeof database);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        web_start(database, of_redis, rows[i], "nameserver 127.0.0.1\n");
        WAIT_UNTIL(is_ready() && redis_is_up(), 20000);
        web_end();
    }
}

/* A name server that knows one address, for names in small letters alone, as podman's does. */
static void serve_names(int fd)
{
    static const unsigned char record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1};
    unsigned char packet[600];
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    ssize_t len;
    while ((len = recvfrom(fd, packet, 500, 0, (struct sockaddr *)&from, &from_len)) > 16) {
        size_t end = 12 + strlen((const char *)packet + 12) + 5;
        if (end > (size_t)len) continue;
        bool is_known = true;
        for (size_t i = 12; i < end - 4; i++) is_known = is_known && !isupper(packet[i]);
        bool is_a = is_known && packet[end - 3] == 1;
        memcpy(packet + 2, "\x81\x83\0\1\0\0\0\0\0\0", 10);
        if (is_known) packet[3] = 0x80;
        packet[7] = is_a;
        if (is_a) memcpy(packet + end, record, sizeof record);
        sendto(fd, packet, end + (is_a ? sizeof record : 0), 0, (struct sockaddr *)&from, from_len);
        from_len = sizeof from;
    }
    _exit(0);
}

TEST(test_names_are_asked_as_they_are_written)
{
    char database[100], of_redis[100], resolv[100], address[40];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
    snprintf(address, sizeof address, "127.53.%d.%d", getpid() >> 8 & 255, getpid() & 255);
    inet_pton(AF_INET, address, &at.sin_addr);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    pid_t server = fork();
    if (server == 0) serve_names(fd);
    snprintf(resolv, sizeof resolv, "nameserver %s\n", address);
    at_ports("long-name-of-the-servers.test", database, of_redis, sizeof database);

    web_start(database, of_redis, "127.0.0.1 localhost\n", resolv);
    WAIT_UNTIL(is_ready() && redis_is_up(), 30000);
    web_end();

    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    close(fd);
}

/* Packets to this network go nowhere: connecting does not fail, it waits. */
TEST(test_silent_address_costs_a_moment)
{
    char database[100], of_redis[100];
    at_ports("servers.test", database, of_redis, sizeof database);
    web_start(database, of_redis, "192.0.2.1 servers.test\n127.0.0.1 servers.test\n", "nameserver 127.0.0.1\n");
    int64_t start_ms = mono_ms();
    WAIT_UNTIL(is_ready() && redis_is_up(), 20000);
    assert_true(mono_ms() - start_ms < 15000);
    web_end();
}

TEST(test_files_are_read_anew)
{
    char database[100], of_redis[100];
    at_ports("servers.test", database, of_redis, sizeof database);
    web_start(database, of_redis, "127.0.0.9 servers.test\n", "nameserver 127.0.0.1\n");
    WAIT_UNTIL(status_of("/api/v1/health/ready") == 503, 20000);

    write_file(hosts_path, "127.0.0.1 servers.test\n");

    WAIT_UNTIL(is_ready() && redis_is_up(), 30000);
    web_end();
}

TEST(test_no_name_server_is_needed_for_the_hosts_file)
{
    char database[100], of_redis[100];
    at_ports("servers.test", database, of_redis, sizeof database);
    web_start(database, of_redis, "127.0.0.1 servers.test\n", "# nothing\n");
    WAIT_UNTIL(is_ready() && redis_is_up(), 20000);
    web_end();
}

TEST(test_several_hosts_in_one_url)
{
    char database[200], of_redis[200];
    snprintf(database, sizeof database, "127.0.0.9:%d,servers.test:%d", pg.port, pg.port);
    snprintf(of_redis, sizeof of_redis, "127.0.0.9:%d,servers.test:%d", redis.port, redis.port);
    web_start(database, of_redis, "127.0.0.1 servers.test\n", "nameserver 127.0.0.1\n");
    WAIT_UNTIL(is_ready() && redis_is_up(), 20000);
    web_end();
}

/* Logikal by its name: libcurl has a resolver of its own, in a thread, and keeps what it found for a moment only. */
TEST(test_upstream_has_all_addresses_and_moves)
{
    static const struct {
        const char *before, *after; /* NULL: does not change */
    } rows[] = {
        {"127.0.0.9 logikal.test\n127.0.0.1 logikal.test\n", NULL},
        {"127.0.0.1 logikal.test\n127.0.0.9 logikal.test\n", NULL},
        {"::1 logikal.test\n127.0.0.1 logikal.test\n", NULL},
        {"192.0.2.1 logikal.test\n127.0.0.1 logikal.test\n", NULL}, /* it does not answer */
        {"127.0.0.9 logikal.test\n", "127.0.0.1 logikal.test\n"},
        {"# nothing\n", "127.0.0.1 logikal.test\n"},
    };
    struct sim_server sim;
    char command[1200], url[200];
    sim_start(&sim, NULL);
    const char *path = strchr(sim.base_url + strlen("http://"), '/');
    snprintf(url, sizeof url, "LOGIKAL_API_BASE_URL=http://logikal.test:%d%.100s", sim.port, path ? path : "");
    command_with_files(command, sizeof command, "check");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct process check;
        char *const argv[] = {(char *)"unshare", (char *)"-m", (char *)"sh", (char *)"-c", command, NULL};
        char *const env[] = {url, (char *)"LOGIKAL_AUTH_USERNAME=demo", (char *)"LOGIKAL_AUTH_PASSWORD=demo", NULL};
        write_file(hosts_path, rows[i].before);
        write_file(resolv_path, "# nothing\n");
        process_start(&check, "check", argv, env);
        if (rows[i].after) {
            WAIT_UNTIL(process_logged(&check, "redis "), 20000); /* then Logikal is asked */
            int64_t deadline = support_deadline(300);
            while (!support_late(deadline)) support_pause();
            write_file(hosts_path, rows[i].after);
        }
        process_wait(&check, 40000);
        char *log = process_log(&check);
        if (!strstr(log, "ok       logikal")) fail_msg("row %zu: %s", i, log);
        free(log);
    }
    sim_stop(&sim);
}

static int silent_name_server(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
    inet_pton(AF_INET, "127.0.0.77", &at.sin_addr);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0) fail_msg("cannot bind 127.0.0.77:53");
    return fd;
}

TEST(test_silent_name_server_blocks_nothing)
{
    int server = silent_name_server();
    char database[200], of_redis[200];
    snprintf(database, sizeof database, "nobody.test:%d,127.0.0.1:%d", pg.port, pg.port);
    snprintf(of_redis, sizeof of_redis, "nobody.test:%d,127.0.0.1:%d", redis.port, redis.port);
    web_start(database, of_redis, "127.0.0.1 localhost\n", "nameserver 127.0.0.77\n");
    WAIT_UNTIL(status_of("/health") == 200, 20000);
    int64_t slowest_ms = 0, start_ms = mono_ms();
    bool was_ready = false;
    while (mono_ms() - start_ms < 8000) {
        int64_t asked_ms = mono_ms();
        assert_int_equal(status_of("/health"), 200);
        if (mono_ms() - asked_ms > slowest_ms) slowest_ms = mono_ms() - asked_ms;
        was_ready = was_ready || is_ready();
        support_pause();
    }
    if (slowest_ms > 1500) fail_msg("an answer took %lld ms", (long long)slowest_ms);
    assert_true(was_ready); /* the second host needs no resolver */
    WAIT_UNTIL(redis_is_up(), 30000);
    web_end();
    close(server);
}

FIXTURE(start)
{
    char url[300], *output = NULL;
    snprintf(hosts_path, sizeof hosts_path, "%s/hosts", support_dir());
    snprintf(resolv_path, sizeof resolv_path, "%s/resolv.conf", support_dir());
    pg_start(&pg);
    redis_server_start(&redis, NULL);
    snprintf(url, sizeof url, "DATABASE_URL=%s", pg.url);
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"migrate", NULL};
    if (process_run(argv, (char *const[]){url, NULL}, &output) != 0) fail_msg("migrate: %s", output);
    free(output);
    return 0;
}

FIXTURE(stop)
{
    redis_server_stop(&redis);
    pg_stop(&pg);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_asked_as_they_are_written),
        cmocka_unit_test(test_every_address_is_tried),
        cmocka_unit_test(test_silent_address_costs_a_moment),
        cmocka_unit_test(test_files_are_read_anew),
        cmocka_unit_test(test_no_name_server_is_needed_for_the_hosts_file),
        cmocka_unit_test(test_several_hosts_in_one_url),
        cmocka_unit_test(test_upstream_has_all_addresses_and_moves),
        cmocka_unit_test(test_silent_name_server_blocks_nothing),
    };
    char *const probe[] = {(char *)"unshare",         (char *)"-m", (char *)"mount",
                           (char *)"--make-rprivate", (char *)"/",  NULL};
    char *output = NULL;
    bool may_mount = process_run(probe, NULL, &output) == 0;
    free(output);
    if (!may_mount) {
        print_message("skipped: no right to a mount namespace\n[ RUN      ] none\n[       OK ] none\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, start, stop);
}
