/* Memory does not grow with the upstream: the peak of the process that syncs five thousand elevations is that of one
 * with a tenth of them. The hundred thousand are `make proof`. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FULL       "tasks.sync_tasks.full_sync_task"
#define GROWTH_KIB (4 * 1024) /* less than a kilobyte for each of those that are more */

/* VmHWM of a process in KiB, or what was seen before when it is over. */
static int64_t peak_kib(const struct process *p, int64_t before)
{
    char path[64], line[256];
    long long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)p->pid);
    ssize_t len = readlink(path, line, sizeof line - 1);
    line[len > 0 ? len : 0] = '\0';
    if (!strstr(line, "/logikald-roles")) return before; /* still a copy of this program */
    snprintf(path, sizeof path, "/proc/%d/status", (int)p->pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %lld", &kib) == 1) break;
    if (file) fclose(file);
    return kib > before ? kib : before;
}

/* Syncs a world of phases with 50 elevations each, rows and parts lists; the peak of the process. */
static int64_t sync_peak_kib(int directories, int projects)
{
    struct sync_world world;
    struct process p;
    char words[120];
    int64_t peak = 0, elevations = (int64_t)directories * projects * 50, deadline = support_patience(120000);
    snprintf(words, sizeof words, "--directories %d --projects %d --phases 1 --elevations 50 --sideways=allow",
             directories, projects);
    sync_world_open(&world, words);
    world.extra_env[0] = "SYNC_THUMBNAILS=false";
    world.extra_env[1] = "ASAN_OPTIONS=quarantine_size_mb=0:thread_local_quarantine_size_kb=0:malloc_context_size=0:"
                         "allocator_release_to_os_interval_ms=0:"
                         "detect_leaks=0"; /* what the sanitizer keeps does not count */
    sync_task_start(&world, &p, FULL, NULL, NULL);
    while (process_running(&p) && !support_late(deadline)) {
        peak = peak_kib(&p, peak);
        usleep(20000); /* the peak is kept by the kernel */
    }

    process_wait(&p, 1000);
    cJSON *result = sync_task_result(&p);
    assert_true(result_true(result, "success"));
    assert_int_equal(result_number(result, "elevations_synced"), elevations);
    assert_int_equal(result_number(result, "parts_lists_synced"), elevations);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE parse_status = 'success'"), elevations);
    assert_truth(&world, false);
    assert_nothing_leaked(&world);
    print_message("%lld elevations in %.1f s, peak %.1f MiB\n", (long long)elevations,
                  result_number(result, "duration_seconds"), (double)peak / 1024);
    cJSON_Delete(result);
    sync_world_stop(&world);
    return peak;
}

TEST(test_memory_is_flat)
{
    int64_t small = sync_peak_kib(2, 5), large = sync_peak_kib(10, 10);

    assert_true(small > 0);
    assert_true(large < small + GROWTH_KIB);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory_is_flat)};
TEST_MAIN(tests, NULL, NULL)
