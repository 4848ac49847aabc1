/* Who a program is: user, group, home and PATH; accounts that there are none of; and one of another user is heard. */
#include "tests/support/process/supervised.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct supervised s;

TEST(test_user_group_and_home)
{
    if (geteuid() != 0) skip();
    supervised_up(
        &s,
        "programs = ("
        "{ name = \"named\"; user = \"nobody\"; command = [\"sh\", \"-c\", \"echo named $(id -u) $(id -g) $HOME $USER; "
        "exec sleep 99\"]; },"
        "{ name = \"number\"; user = \"4711\"; group = \"4712\"; command = [\"sh\", \"-c\", \"echo number $(id -u) "
        "$(id "
        "-g) $(id -G) $HOME; exec sleep 99\"]; },"
        "{ name = \"group\"; group = \"nogroup\"; command = [\"sh\", \"-c\", \"echo group $(id -u) $(id -gn) $HOME; "
        "exec "
        "sleep 99\"]; },"
        "{ name = \"own\"; user = \"nobody\"; environment = [\"HOME=/srv\"]; command = [\"sh\", \"-c\", \"echo own "
        "$HOME; "
        "exec sleep 99\"]; });",
        (char *[]){"LOGIKALD_ROLES=named,number,group,own", "HOME=/root", "USER=root", NULL});
    WAIT_UNTIL(process_logged(&s.process, "named 65534 65534 /nonexistent nobody"), 5000);
    WAIT_UNTIL(process_logged(&s.process, "number 4711 4712 4712 /"), 5000);
    WAIT_UNTIL(process_logged(&s.process, "group 0 nogroup /root"), 5000);
    WAIT_UNTIL(process_logged(&s.process, "own /srv"), 5000);
    supervised_stop(&s);
}

static void test_unknown_accounts_are_refused_before_anything_starts(void **state)
{
    static const char *const what[] = {"user = \"no-such-user\"", "group = \"no-such-group\""};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char config[300], *output, *argv[] = {(char *)support_program("logikald"), "--config", s.config, NULL};
        char run[320], *env[] = {run, "PORT=0", NULL};
        snprintf(config, sizeof config, "programs = ({ name = \"a\"; command = [\"true\"]; %s; });", what[i]);
        supervised_prepare(&s, config);
        snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
        assert_int_equal(process_run(argv, env, &output), 78);
        assert_non_null(strstr(output, "no-such-"));
        free(output);
    }
}

static void test_own_path_finds_the_command(void **state)
{
    char config[600], tool[400];
    (void)state;
    supervised_prepare(&s, " ");
    snprintf(tool, sizeof tool, "%s/mytool", s.dir);
    FILE *f = fopen(tool, "w");
    fputs("#!/bin/sh\necho mytool runs\nexec sleep 99\n", f);
    fclose(f);
    chmod(tool, 0755);
    snprintf(config, sizeof config,
             "programs = ({ name = \"t\"; command = [\"mytool\"]; environment = [\"PATH=%s:/usr/bin:/bin\"]; });",
             s.dir);
    supervised_config(&s, config);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=t", NULL});
    WAIT_UNTIL(process_logged(&s.process, "mytool runs"), 5000);
    supervised_stop(&s);
}

TEST(test_program_of_another_user_is_heard)
{
    if (geteuid() != 0) skip();
    supervised_up(
        &s,
        "programs = ({ name = \"p\"; user = \"nobody\"; readiness = \"notify\"; command = [\"sh\", \"-c\", \"setsid "
        "perl "
        "-MSocket -e 'socket(S, AF_UNIX, SOCK_DGRAM, 0); my $p = $ENV{NOTIFY_SOCKET}; substr($p, 0, 1) = chr 0; "
        "connect(S, pack(q{Sa*}, AF_UNIX, $p)); send(S, q{READY=1}, 0);'; exec sleep 99\"]; });",
        (char *[]){"LOGIKALD_ROLES=p", NULL});
    WAIT_UNTIL(supervised_is(&s, "p", "ready"), 10000);
    supervised_stop(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_user_group_and_home),
    cmocka_unit_test(test_unknown_accounts_are_refused_before_anything_starts),
    cmocka_unit_test(test_own_path_finds_the_command),
    cmocka_unit_test(test_program_of_another_user_is_heard),
};
SUPERVISED_MAIN(tests)
