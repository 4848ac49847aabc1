/* The release programs, not those with sanitizers: what they hold when they idle, and the whole system under valgrind's
 * memcheck: supervisor, web, worker
 * with its runners, and beat serve, sync, read parts lists and end without an invalid or uninitialised access or a lost
 * block. Runners end by SIGKILL, before valgrind can look for lost blocks: so the tasks run once more by themselves. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/process/proc.h"
#include "tests/support/system.h"
#include "tests/support/web.h"

#define PROCESSES 8 /* supervisor, guardian, migration, web, worker, two runners, beat */

static struct system sys;
static char log_option[400], programs[2][PATH_MAX];
/* Quiet: the log of a process without findings is empty. */
static const char *const memcheck[] = {
    "valgrind", "-q", "--trace-children=yes", "--leak-check=full", "--num-callers=30", log_option, NULL};
enum { MEMCHECK_WORDS = sizeof memcheck / sizeof *memcheck - 1 };

static int start_servers(void **state)
{
    static const char *const tree[] = {"--directories", "2", "--projects",         "2",  "--phases", "2",
                                       "--elevations",  "3", "--total-elevations", "12", NULL};
    char here[PATH_MAX];
    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    snprintf(programs[0], sizeof programs[0], "%.4000s/build/logikald", here);
    snprintf(programs[1], sizeof programs[1], "%.4000s/build/logikald-roles", here);
    snprintf(log_option, sizeof log_option, "--log-file=%.250s/memcheck.%%p", support_dir());
    system_servers(&sys, tree);
    return 0;
}

FIXTURE(end_servers)
{
    system_end(&sys);
    return 0;
}

/* Fails the test with what valgrind found in any process, and when fewer than `least` ran under it. */
static void assert_clean(int least)
{
    char command[400], *text = NULL;
    /* lines that begin with "--" are about valgrind itself (a system call that it does not know) */
    snprintf(command, sizeof command,
             "cd %.250s && ls memcheck.* | wc -l && cat memcheck.* | sed '/^--/d' && rm memcheck.*", support_dir());
    char *argv[] = {"sh", "-c", command, NULL};
    assert_int_equal(process_run(argv, NULL, &text), 0);
    char *found = strchr(text, '\n');
    if (!found || found[1]) fail_msg("%s", text);
    if (atoi(text) < least) fail_msg("only %d processes ran under valgrind", atoi(text));
    free(text);
}

static bool all_synced(void)
{
    return pg_int(&sys.pg, "SELECT count(*) FROM object_sync_configs WHERE object_type IN "
                           "('directory','project','phase','elevation') AND last_sync IS NOT NULL") == 4;
}

/* Pages, refusals, an administrator's login and change, a client's login, lists and an image. */
static void use_web(void)
{
    struct web_server web = {.port = sys.port};
    snprintf(web.url, sizeof web.url, "%s", sys.url);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL) == 200, 120000);
    static const char *const open[] = {"/api/v1/health/ready", "/openapi.json", "/ui/login", "/docs"};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        assert_int_equal(web_status(&web, "GET", open[i], NULL, NULL), 200);
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/", NULL, NULL), 401);
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/login", NULL, "{\"username\":"), 422);
    assert_int_equal(
        web_status(&web, "POST", "/api/v1/admin/login", NULL, "{\"username\":\"admin\",\"password\":\"wrong\"}"), 401);
    web_log_in(&web);
    static const char *const admin[] = {"/metrics", "/api/v1/health/detailed"};
    for (size_t i = 0; i < sizeof admin / sizeof *admin; i++)
        assert_int_equal(web_status(&web, "GET", admin[i], web.admin, NULL), 200);
    char *token = web_client(&web, "reader", "[\"projects:read\",\"elevations:read\"]");
    static const char *const lists[] = {"/api/v1/projects/cached", "/api/v1/elevations/cached",
                                        "/api/v1/elevations/1/image"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        assert_int_equal(web_status(&web, "GET", lists[i], token, NULL), 200);
    free(token);
}

TEST(test_system_serves_and_syncs_clean_under_memcheck)
{
    static const char *const on[] = {"BACKGROUND_SYNC_ENABLED=True", "ADMIN_PASSWORD=" WEB_ADMIN_PASSWORD, NULL};
    const char *command[MEMCHECK_WORDS + 2] = {NULL};
    memcpy(command, memcheck, sizeof memcheck);
    command[MEMCHECK_WORDS] = programs[0];
    sys.command = command;

    system_run(&sys, "", on);
    WAIT_UNTIL(system_health(&sys) == 200, 120000);
    WAIT_UNTIL(all_synced() && pg_int(&sys.pg, "SELECT count(*) FROM elevation_glass") > 0, 200000);
    use_web();
    system_stop(&sys);

    assert_clean(PROCESSES);
}

TEST(test_tasks_lose_no_memory)
{
    char database[300], upstream[200];
    snprintf(database, sizeof database, "DATABASE_URL=%s", sys.pg.url);
    snprintf(upstream, sizeof upstream, "LOGIKAL_API_BASE_URL=%s", sys.sim.base_url);
    char *env[] = {
        database, upstream, "LOGIKAL_AUTH_USERNAME=demo", "LOGIKAL_AUTH_PASSWORD=demo", "BACKGROUND_SYNC_ENABLED=true",
        NULL};
    const char *const tasks[] = {"tasks.sync_tasks.full_sync_task",
                                 "tasks.sqlite_parser_tasks.trigger_parsing_for_new_files"};
    sim_post(&sys.sim, "change", "{\"type\":\"elevation\",\"count\":4}");

    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        const char *argv[MEMCHECK_WORDS + 6] = {NULL};
        memcpy(argv, memcheck, sizeof memcheck);
        const char *const words[] = {programs[1], "task", tasks[i], "--kwargs",
                                     i == 0 ? "{\"force_sync\":true}" : "{}"};
        memcpy(argv + MEMCHECK_WORDS, words, sizeof words);
        char *output = NULL;
        if (process_run((char *const *)(uintptr_t)argv, env, &output) != 0) fail_msg("%s: %s", tasks[i], output);
        free(output);
        assert_clean(1);
    }
}

/* In KiB, a quarter and more above what they had when this was written. Who passes these: is it needed while nothing
 * happens? Else it can be freed, or be made when it is needed; tables with pointers (const char *const []) are written
 * to when the program starts, in each process. `make bench-memory` shows the whole. */
static const struct {
    const char *role;
    int64_t most;
} held[] = {{"supervisor", 290}, {"web", 680}, {"beat", 240}, {"worker", 1060}, {"runner", 1000}};

static bool holds_little(const char *role, int pid, bool is_told)
{
    for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
        int64_t kib = strcmp(held[i].role, role) == 0 ? proc_own_kib(pid) : 0;
        if (kib > 0 && is_told) print_message("%s: %lld KiB of %lld\n", role, (long long)kib, (long long)held[i].most);
        if (kib > held[i].most) return false;
    }
    return true;
}

static bool all_hold_little(bool is_told)
{
    static const char *const roles[] = {"web", "beat", "worker"};
    int pids[4096], worker = system_child(&sys, "worker");
    char entry[300];
    bool is_little = holds_little("supervisor", sys.logikald.pid, is_told);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        is_little = holds_little(roles[i], system_child(&sys, roles[i]), is_told) && is_little;
    snprintf(entry, sizeof entry, "LOGIKALD_RUN_DIR=%.250s", sys.run_dir);
    int count = proc_with(entry, pids, 4096);
    for (int i = 0; i < count; i++)
        if (proc_parent(pids[i]) == worker) is_little = holds_little("runner", pids[i], is_told) && is_little;
    return is_little;
}

static bool is_up_and_synced(void)
{
    return system_health(&sys) == 200 && system_child(&sys, "web") && system_child(&sys, "beat") &&
           system_child(&sys, "worker") && all_synced();
}

TEST(test_idle_processes_hold_little)
{
    static const char *const on[] = {"BACKGROUND_SYNC_ENABLED=True", "SYNC_INTERVAL_SECONDS=86400", NULL};
    const char *const command[] = {programs[0], NULL};
    sys.command = command;
    system_run(&sys, "", on);
    WAIT_UNTIL(is_up_and_synced(), 60000);
    system_stop(&sys);

    system_again(&sys, on); /* with nothing to do */
    WAIT_UNTIL(is_up_and_synced(), 60000);
    int64_t deadline = support_deadline(45000);
    while (!all_hold_little(false) && !support_late(deadline)) support_pause();
    bool is_little = all_hold_little(true);
    system_stop(&sys);
    sys.command = NULL;

    assert_true(is_little);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_system_serves_and_syncs_clean_under_memcheck), /* first: nothing is synced yet */
    cmocka_unit_test(test_tasks_lose_no_memory), cmocka_unit_test(test_idle_processes_hold_little)};
TEST_MAIN(tests, start_servers, end_servers)
