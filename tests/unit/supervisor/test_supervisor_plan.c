/* What the supervisor refuses before it starts anything: too many children, dependencies without an end or in a circle,
 * addresses that are not there or taken. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/conf.h"
#include "supervisor/plan/plan.h"
#include "supervisor/system/listener.h"
#include "tests/support/test.h"

/* The configuration in this text; fails the test when it is refused. */
static struct conf *load(const char *text)
{
    char path[40];
    struct err err = {0};
    int fd = memfd_create("conf", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct conf *conf = conf_load(&(struct conf_paths){.file = path}, &err);
    if (!conf) fail_msg("%s", err.text);
    close(fd);
    return conf;
}

static void assert_refused(const char *text, const char *words)
{
    static struct plan plan;
    struct err err = {0};
    struct conf *conf = load(text);
    int rc = plan_from_conf(&plan, conf, NULL, &err);
    if (rc >= 0 || !strstr(err.text, words)) fail_msg("%d, %s", rc, err.text);
    conf_free(conf);
}

TEST(test_more_children_than_there_is_room_for)
{
    struct buf text = {0};
    buf_str(&text, "programs = ( ");
    for (int i = 0; i < PLAN_CHILDREN_MAX; i++)
        buf_printf(&text, "%s{ name = \"p%d\"; command = [ \"true\" ]; }", i ? ", " : "", i);
    buf_str(&text, " );\n");
    assert_refused(text.data, "more than");
    buf_free(&text);
}

TEST(test_dependencies_that_cannot_be_met)
{
    assert_refused("programs = ( { name = \"a\"; command = [ \"true\" ]; depends_on = [ \"nobody\" ]; } );\n",
                   "nobody");
    assert_refused("programs = ( { name = \"a\"; command = [ \"true\" ]; depends_on = [ \"b\" ]; },\n"
                   "             { name = \"b\"; command = [ \"true\" ]; depends_on = [ \"a\" ]; } );\n",
                   "circle");
    assert_refused("programs = ( { name = \"a\"; command = [ \"true\" ]; depends_on = [ \"a\" ]; } );\n", "circle");
}

TEST(test_addresses_that_cannot_be_listened_on)
{
    char text[120];
    struct err err = {0};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(taken, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(taken, 1), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&a, &len), 0);

    snprintf(text, sizeof text, "http = { host = \"127.0.0.1\"; port = %d; };\n", ntohs(a.sin_port));
    struct conf *conf = load(text);
    assert_int_equal(listener_open(conf, &err), -1);
    assert_non_null(strstr(err.text, "another program does; set PORT"));
    conf_free(conf);
    close(taken);

    conf = load("http = { host = \"no such host\"; port = 0; };\n");
    assert_int_equal(listener_open(conf, &err), -1);
    assert_non_null(strstr(err.text, "is not an address of this machine"));
    conf_free(conf);

    conf = load("http = { host = \"192.0.2.1\"; port = 0; };\n"); /* an address that nobody has */
    assert_int_equal(listener_open(conf, &err), -1);
    assert_non_null(strstr(err.text, "cannot listen on 192.0.2.1"));
    conf_free(conf);
}

/* A program in the place of a role of its name, or a role in that of a program. */
TEST(test_what_becomes_another_kind_is_replaced)
{
    const struct program sleeper = {.name = "web"};
    const struct child_spec role = {.name = "web", .role = "web"};
    const struct child_spec program = {.name = "web", .role = "web", .program = &sleeper};
    assert_int_equal(spec_compare(&role, &program, NULL, 0), SPEC_REPLACE);
    assert_int_equal(spec_compare(&program, &role, NULL, 0), SPEC_REPLACE);
    assert_int_equal(spec_compare(&program, &program, NULL, 0), SPEC_SAME);
    assert_int_equal(spec_compare(&role, &role, NULL, 0), SPEC_SAME);
}

int main(void)
{
    clearenv();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_becomes_another_kind_is_replaced),
        cmocka_unit_test(test_more_children_than_there_is_room_for),
        cmocka_unit_test(test_dependencies_that_cannot_be_met),
        cmocka_unit_test(test_addresses_that_cannot_be_listened_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
