/* The supervisor's status file: what is written is read, a path that does not fit is refused and not cut, and which
 * process stands still. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/snapshot.h"
#include "tests/support/support.h"

static struct snapshot in = {
    .written_ms = 1700000000001,
    .started_ms = 1700000000002,
    .pid = 3,
    .version = "v",
    .supervisor_id = "s",
    .state = "running",
    .background_sync = true,
    .background_note = "n",
    .listening = "0.0.0.0:8001",
    .reloads = 4,
    .reloads_refused = 5,
    .reload_ms = 1700000000006,
    .reload_error = "e",
    .memory_limit_bytes = 7,
    .memory_used_bytes = 8,
    .memory_pressure_permille = 9,
    .memory_limit_hits = 10,
    .oom_kills = 11,
    .rss_bytes = 12,
    .pss_bytes = 13,
    .orphans_reaped = 14,
    .log_lines_dropped = 15,
    .events_dropped = 16,
    .count = 2,
    .children = {{.name = "web.0",
                  .role = "web",
                  .state = "ready",
                  .status = "fine",
                  .last_exit = "exit status 1",
                  .last_exit_ms = 1700000000017,
                  .pid = 18,
                  .started_ms = 1700000000019,
                  .uptime_s = 20,
                  .restarts = 21,
                  .rss_bytes = 22,
                  .pss_bytes = 23,
                  .cpu_ms = 24,
                  .cpu_permille = 25,
                  .watchdog_age_ms = 26,
                  .is_ready = true,
                  .is_essential = true},
                 {.name = "x",
                  .role = "x",
                  .state = "backoff",
                  .next_start_ms = 1700000000027,
                  .watchdog_age_ms = -1,
                  .is_program = true,
                  .is_held = true,
                  .is_draining = true,
                  .is_old_program = true,
                  .is_crash_loop = true}},
};

static char *text_of(const struct snapshot *s)
{
    cJSON *json = snapshot_to_json(s);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

TEST(test_what_is_written_is_read)
{
    static struct snapshot out;
    struct err err = {0};
    assert_int_equal(snapshot_write(support_dir(), &in, &err), 0);
    if (snapshot_read(support_dir(), &out, &err) != 0) fail_msg("%s", err.text);

    char *wrote = text_of(&in), *read = text_of(&out);
    assert_string_equal(read, wrote);
    for (int value = 4; value <= 27; value++) { /* each has its own, so that none stands for another */
        char number[20];
        bool is_time = value == 6 || value == 17 || value == 19 || value == 27;
        snprintf(number, sizeof number, is_time ? ":17000000000%02d" : ":%d", value);
        const char *at = strstr(wrote, number);
        while (at && at[strlen(number)] != ',' && at[strlen(number)] != '}') at = strstr(at + 1, number);
        if (!at) fail_msg("%s is not in %s", number, wrote);
    }
    assert_true(out.children[0].is_ready && !out.children[0].is_held && !out.children[0].is_program);
    assert_true(!out.children[1].is_ready && out.children[1].is_held && out.children[1].is_crash_loop);
    assert_int_equal(out.children[1].watchdog_age_ms, -1);
    free(wrote);
    free(read);
    assert_false(snapshot_is_stale(&out, out.written_ms + SNAPSHOT_STALE_MS));
    assert_true(snapshot_is_stale(&out, out.written_ms + SNAPSHOT_STALE_MS + 1));
}

/* The same directory, as a path of this length. */
static const char *long_path(size_t len)
{
    static char path[2 * PATH_MAX];
    size_t used = strlen(support_dir());
    memcpy(path, support_dir(), used);
    memset(path + used, '/', len - used);
    path[len] = 0;
    return path;
}

TEST(test_paths_that_do_not_fit_are_refused)
{
    static struct snapshot out;
    const size_t most = PATH_MAX - sizeof "/" SNAPSHOT_FILE, most_new = PATH_MAX - sizeof "/" SNAPSHOT_FILE ".new";
    struct err err = {0};
    assert_int_equal(snapshot_write(long_path(most_new), &in, &err), 0);
    assert_int_equal(snapshot_write(long_path(most_new + 1), &in, &err), -ERR_LIMIT);
    assert_int_equal(snapshot_write(long_path(most + 1), &in, &err), -ERR_LIMIT);
    assert_int_equal(snapshot_read(long_path(most), &out, &err), 0);
    assert_int_equal(snapshot_read(long_path(most + 1), &out, &err), -ERR_LIMIT);
    assert_non_null(strstr(err.text, "too long"));
}

static pid_t sleeper(const char *name)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, name);
        for (;;) pause();
    }
    char path[64], now[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    for (int64_t end = support_deadline(20000); strncmp(now, name, strlen(name)) != 0;) {
        if (support_late(end)) fail_msg("%s is called %s", name, now);
        FILE *f = fopen(path, "re");
        if (f && !fgets(now, sizeof now, f)) now[0] = 0;
        if (f) fclose(f);
    }
    return pid;
}

static void must_stand(pid_t pid, bool stands)
{
    int status;
    kill(pid, SIGSTOP);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(snapshot_is_stopped(pid), stands);
    kill(pid, SIGCONT);
    assert_int_equal(waitpid(pid, &status, WCONTINUED), pid);
    assert_false(snapshot_is_stopped(pid));
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    assert_false(snapshot_is_stopped(pid));
}

TEST(test_who_stands_still)
{
    must_stand(sleeper("logikald"), true);
    must_stand(sleeper("logikald-roles"), true);
    must_stand(sleeper("logikald T) T"), true);
    must_stand(sleeper("sleep"), false);
    must_stand(sleeper("T logikald"), false);
    assert_false(snapshot_is_stopped(0));
    assert_false(snapshot_is_stopped(-1));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_is_written_is_read),
    cmocka_unit_test(test_paths_that_do_not_fit_are_refused),
    cmocka_unit_test(test_who_stands_still),
};
TEST_MAIN(tests, NULL, NULL)
