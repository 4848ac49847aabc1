/* The servers that all integration tests stand on: they keep their data over a kill, and nothing outlives a test
 * program, not even one that is killed. */
#include "tests/support/support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(test_redis_keeps_data_over_kill)
{
    struct redis_server redis;
    redis_server_start(&redis, NULL);
    free(redis_cli(&redis, "set a 'one two'"));

    redis_server_kill(&redis);
    redis_server_restart(&redis);

    char *value = redis_cli(&redis, "get a");
    assert_string_equal(value, "one two");
    free(value);
    redis_server_stop(&redis);
}

TEST(test_postgres_keeps_data_over_kill)
{
    struct pg_server pg;
    pg_start(&pg);
    assert_int_equal(pg_int(&pg, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), 0);
    pg_exec(&pg, "CREATE TABLE t (n bigint); INSERT INTO t VALUES (7)");

    pg_kill(&pg);
    assert_int_equal(pg_int(&pg, "SELECT n FROM t"), -1);
    pg_restart(&pg);

    assert_int_equal(pg_int(&pg, "SELECT n FROM t"), 7);
    pg_stop(&pg);
}

TEST(test_process_environment_is_minimal)
{
    setenv("SECRET_OF_THE_CALLER", "x", 1);
    char *const argv[] = {"env", NULL}, *const env[] = {"HOME=/elsewhere", "MINE=1", NULL};
    char *output = NULL;

    assert_int_equal(process_run(argv, env, &output), 0);

    assert_non_null(strstr(output, "HOME=/elsewhere\n"));
    assert_non_null(strstr(output, "MINE=1\n"));
    assert_null(strstr(output, "SECRET_OF_THE_CALLER"));
    free(output);
}

static bool is_gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

/* A second test program (a fork that makes servers of its own) is killed; its process and its child's child go too. */
TEST(test_nothing_outlives_killed_program)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t program = fork();
    if (program == 0) {
        struct process p;
        char *const argv[] = {"sh", "-c", "sleep 1000 & echo child $!; wait", NULL};
        process_start(&p, "shell", argv, NULL);
        while (!process_logged(&p, "\n")) support_pause();
        char *log = process_log(&p);
        pid_t pids[2] = {p.pid, (pid_t)strtol(log + strlen("child "), NULL, 10)};
        if (write(ends[1], pids, sizeof pids) == sizeof pids) pause();
        _exit(1);
    }
    pid_t pids[2];
    assert_int_equal(read(ends[0], pids, sizeof pids), sizeof pids);
    assert_false(is_gone(pids[1]));

    kill(program, SIGKILL);
    waitpid(program, NULL, 0);

    WAIT_UNTIL(is_gone(pids[0]) && is_gone(pids[1]), 5000);
    close(ends[0]);
    close(ends[1]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_redis_keeps_data_over_kill),
    cmocka_unit_test(test_postgres_keeps_data_over_kill),
    cmocka_unit_test(test_process_environment_is_minimal),
    cmocka_unit_test(test_nothing_outlives_killed_program),
};
TEST_MAIN(tests, NULL, NULL)
