/* What each script of ipc/lua does to a Redis, value by value: tests/fixtures/lua/SCRIPT.txt has the cases. */
#include "conf/embedded.h"
#include "tests/support/redis_cases.h"

enum { SCRIPTS_MAX = 64 };

static struct rig rig;
static redisContext *ear;

FIXTURE(set_up)
{
    /* Hashes keep the order in which they were filled. */
    static const char *const ordered[] = {"--hash-max-listpack-value", "1000000", NULL};
    rig_open(&rig, ordered);
    ear = redisConnect("127.0.0.1", rig.server.port);
    assert_true(ear && !ear->err);
    redisSetTimeout(ear, (struct timeval){.tv_sec = 60});
    freeReplyObject(redisCommand(ear, "PSUBSCRIBE *"));
    return 0;
}

FIXTURE(tear_down)
{
    redisFree(ear);
    rig_close(&rig);
    return 0;
}

static void test_script(void **state)
{
    char path[128];
    struct redis_cases cases = {.rig = &rig, .ear = ear};
    snprintf(path, sizeof path, "tests/fixtures/lua/%s.txt", (const char *)*state);
    redis_cases_run(&cases, path);
}

/* Each script is a test, so that none is left out that is new. */
int main(void)
{
    struct CMUnitTest tests[SCRIPTS_MAX];
    char scripts[SCRIPTS_MAX][64];
    size_t count = 0;
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    for (const struct embedded *e = embedded_lua; e->path && count < SCRIPTS_MAX; e++, count++) {
        snprintf(scripts[count], sizeof scripts[count], "%.*s", (int)strcspn(e->path, "."), e->path);
        tests[count] =
            (struct CMUnitTest){.name = scripts[count], .test_func = test_script, .initial_state = scripts[count]};
    }
    return _cmocka_run_group_tests("scripts", tests, count, set_up, tear_down);
}
