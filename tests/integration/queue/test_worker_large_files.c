/* Four runners of four sessions each fetch parts lists of 20 MB at once: what they hold together is bounded, and no
 * runner is replaced. The release programs, since the sanitizers' own memory would be measured else. */
#include <dirent.h>
#include <unistd.h>

#include "tests/support/rig.h"
#include "tests/support/process/proc.h"
#include "tests/support/sync_truth.h"

#define RUNNERS       4
#define SESSIONS      "4"
#define FILES         16 /* four of each project */
#define MOST_KIB      (300 * 1000 * 1000 / 1024)
#define PATIENCE_MS   60000
#define RUNNERS_NOTED 32

static struct rig rig;
static struct sync_world world;

FIXTURE(start)
{
    rig_open(&rig, NULL);
    sync_world_open(&world,
                    "--parts=huge --directories 1 --depth 1 --projects 4 --phases 1 --elevations 4 --delay none "
                    "--sideways=allow");
    return 0;
}

FIXTURE(stop)
{
    sync_world_stop(&world);
    rig_close(&rig);
    return 0;
}

static void start_worker(struct process *p)
{
    static char texts[4][300];
    char *here = getcwd(NULL, 0);
    assert_non_null(here);
    snprintf(texts[0], sizeof texts[0], "%.250s/build/logikald-roles", here);
    snprintf(texts[1], sizeof texts[1], "REDIS_URL=%s", rig.server.url);
    snprintf(texts[2], sizeof texts[2], "DATABASE_URL=%s", world.pg.url);
    snprintf(texts[3], sizeof texts[3], "LOGIKAL_API_BASE_URL=%s", world.sim.base_url);
    char *env[] = {texts[1],
                   texts[2],
                   texts[3],
                   "LOGIKAL_AUTH_USERNAME=demo",
                   "LOGIKAL_AUTH_PASSWORD=demo",
                   "BACKGROUND_SYNC_ENABLED=true",
                   "WORKER_CONCURRENCY=4",
                   "LOGIKAL_MAX_SESSIONS=" SESSIONS,
                   "SYNC_THUMBNAILS=false",
                   NULL};
    char *argv[] = {texts[0], "worker", NULL};
    free(here);
    process_start(p, "worker", argv, env);
}

/* One task for each project of the upstream. */
static void send_tasks(void)
{
    char *dump = sim_get(&world.sim, "/dump"), *at = dump;
    static const char project[] = "{\"type\":\"project\",\"id\":\"";
    for (int i = 0; i < RUNNERS; i++) {
        char id[40];
        struct buf message = {0};
        assert_non_null(at = strstr(at, project));
        at += strlen(project);
        cJSON *args = cJSON_CreateArray();
        at[36] = '\0';
        cJSON_AddItemToArray(args, cJSON_CreateString(at));
        at += 37;
        snprintf(id, sizeof id, "project-%d", i);
        struct message_spec spec = {
            .task = "tasks.sync_tasks.force_sync_project_task", .id = id, .queue = "sync", .args = args};
        message_encode(&message, &spec);
        redisReply *reply = redisCommand(rig.redis, "LPUSH sync %b", message.data, message.len);
        assert_non_null(reply);
        freeReplyObject(reply);
        cJSON_Delete(args);
        buf_free(&message);
    }
    free(dump);
}

struct runners {
    int pids[RUNNERS_NOTED], count;
};

static void note(struct runners *r, int pid)
{
    for (int i = 0; i < r->count; i++)
        if (r->pids[i] == pid) return;
    if (r->count < RUNNERS_NOTED) r->pids[r->count++] = pid;
}

/* The worker's children, those that are gone as well. */
static void find_runners(int worker, struct runners *r)
{
    DIR *proc = opendir("/proc");
    for (const struct dirent *e; proc && (e = readdir(proc));) {
        int pid = (int)strtol(e->d_name, NULL, 10);
        if (pid > 0 && proc_parent(pid) == worker) note(r, pid);
    }
    if (proc) closedir(proc);
}

static int64_t held_kib(int worker, const struct runners *r)
{
    int64_t sum = proc_pss_kib(worker);
    for (int i = 0; i < r->count; i++) sum += proc_pss_kib(r->pids[i]);
    return sum;
}

TEST(test_large_files_of_four_runners_fit)
{
    struct process worker;
    struct runners runners = {.count = 0};
    int64_t deadline = support_patience(PATIENCE_MS), peak_kib = 0;
    start_worker(&worker);
    send_tasks();

    for (int done = 0, look = 0; done < RUNNERS; look++) {
        char id[40];
        if (look % 10 == 0) find_runners(worker.pid, &runners);
        int64_t kib = held_kib(worker.pid, &runners);
        if (kib > peak_kib) peak_kib = kib;
        if (support_late(deadline) || !process_running(&worker)) {
            char *log = process_log(&worker);
            fail_msg("not all projects were synced: %s", log);
        }
        for (done = 0; done < RUNNERS; done++) {
            snprintf(id, sizeof id, "project-%d", done);
            if (!rig_has_state(&rig, id, "SUCCESS")) break;
        }
        support_pause();
    }

    print_message("%d runners, %lld MB together at most\n", runners.count, (long long)(peak_kib * 1024 / 1000000));
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM parts_versions WHERE valid_to IS NULL"), FILES);
    assert_true(pg_int(&world.pg, "SELECT min(raw_size) FROM parts_files") > 19000000);
    assert_true(runners.count >= 2);
    assert_true(runners.count <= RUNNERS);
    for (int i = 0; i < runners.count; i++) assert_int_equal(proc_parent(runners.pids[i]), worker.pid);
    assert_true(peak_kib > 20000);
    if (peak_kib > MOST_KIB) fail_msg("%lld kB together", (long long)peak_kib);
    process_stop(&worker);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_large_files_of_four_runners_fit),
};
TEST_MAIN(tests, start, stop)
