/* The disk of the parts lists is full in the middle of a sync: what was stored stays, the sync fails with PostgreSQL's
 * own words, nothing else is harmed, and with room again it goes on. A real disk (tmpfs in a mount namespace of the
 * test's own: root). */
#include "tests/support/sync_truth.h"
#include "tests/support/test.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/support/support_internal.h"

static struct sync_world world;
static char disk[300];

static void size_disk(const char *options, unsigned long flags)
{
    if (mount("tmpfs", disk, "tmpfs", flags, options) != 0) fail_msg("cannot mount %s", disk);
}

static void fails_for_room(bool force)
{
    int status;
    cJSON *result =
        sync_task(&world, "tasks.sync_tasks.full_sync_task", NULL, force ? "{\"force_sync\":true}" : NULL, &status);
    char *text = cJSON_Print(result);
    if (status == 0 || result_true(result, "success") || !strstr(text, "the disk of PostgreSQL is full"))
        fail_msg("status %d: %s", status, text);
    free(text);
    cJSON_Delete(result);
}

TEST(test_full_disk_in_the_middle_of_storing)
{
    fails_for_room(false);

    int64_t files = pg_int(&world.pg, "SELECT count(*) FROM parts_files"), elevations = 8;
    assert_in_range(files, 1, elevations - 1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations"), elevations);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevation_parts_lists l LEFT JOIN parts_files f USING"
                                       " (sha256) WHERE f.sha256 IS NULL AND l.sha256 IS NOT NULL"),
                     0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM parts_versions"), files);
    fails_for_room(false); /* again the same, and nothing lost */
    assert_true(pg_int(&world.pg, "SELECT count(*) FROM parts_files") >= files);

    size_disk("size=64m,mode=0777", MS_REMOUNT);
    sync_all(&world, false);

    assert_truth(&world, true);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM parts_files"), elevations);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_runs WHERE state = 'running'"), 0);
    assert_nothing_leaked(&world);
}

FIXTURE(start)
{
    char sql[400];
    struct support_user user = servers_user();
    support_make_dir(disk, sizeof disk, "parts-disk");
    size_disk("size=1500k,mode=0777", 0);
    if (chown(disk, user.uid, user.gid) != 0) fail_msg("chown %s", disk);
    sync_world_open(&world,
                    "--parts=real --directories 1 --depth 1 --projects 1 --phases 2 --elevations 4 --sideways=allow");
    snprintf(sql, sizeof sql, "CREATE TABLESPACE small LOCATION '%s'", disk);
    pg_exec(&world.pg, sql);
    pg_exec(&world.pg, "ALTER TABLE parts_files SET TABLESPACE small");
    return 0;
}

FIXTURE(stop)
{
    sync_world_stop(&world);
    umount2(disk, MNT_DETACH);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_disk_in_the_middle_of_storing),
    };
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        print_message("skipped: no right to a mount namespace\n[ RUN      ] none\n[       OK ] none\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, start, stop);
}
