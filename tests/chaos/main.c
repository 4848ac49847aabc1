/* chaos [--seconds N] [--seed N]: see chaos.h. */
#include "tests/chaos/chaos.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/buf.h"
#include "conf/clock.h"
#include "conf/random.h"

static struct buf timeline;

/* splitmix64: small, and the same everywhere. */
uint64_t chaos_random(struct chaos *c, uint64_t below)
{
    uint64_t z = (c->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

void chaos_say(struct chaos *c, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_printf(&timeline, "%8.3f s  %s\n", (double)(mono_ms() - c->start_ms) / 1000.0, text);
    if (c->is_verbose) fprintf(stderr, "%8.3f s  %s\n", (double)(mono_ms() - c->start_ms) / 1000.0, text);
}

void chaos_fail(struct chaos *c, const char *fmt, ...)
{
    char text[1000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    char *log = process_log(&c->sys.logikald);
    size_t len = log ? strlen(log) : 0;
    printf("%s\nlast lines of the log:\n%s\ntimeline:\n%s\nseed %" PRIu64 ": %s\n0 passed, 1 failed\n", text,
           log ? log + (len > 12000 ? len - 12000 : 0) : "", timeline.data ? timeline.data : "", c->seed, text);
    fflush(stdout);
    support_stop_all();
    _exit(1);
}

void chaos_boot(struct chaos *c)
{
    static const char *const env[] = {
        "BACKGROUND_SYNC_ENABLED=true", "DIAGNOSTIC_TASKS=true",    "WORKER_LEASE_SECONDS=4",
        "BEAT_LOCK_TTL_SECONDS=3",      "WATCHDOG_SECONDS=4",       "LOGIKAL_RETRY_BUDGET_SECONDS=3",
        "TASK_MAX_DELIVERIES=50",       "RESTART_STABLE_SECONDS=2", "RATE_LIMIT_PER_MINUTE=0",
        "RATE_LIMIT_PER_HOUR=0",        "STOP_TIMEOUT_SECONDS=20",  NULL};
    system_run(&c->sys, "", env);
    for (int64_t deadline = mono_ms() + 30000; system_health(&c->sys) != 200; support_pause())
        if (mono_ms() > deadline) chaos_fail(c, "nothing is served within 30 s of a start");
}

int main(int argc, char **argv)
{
    static struct chaos c;
    int64_t seconds = 60;
    random_bytes(&c.seed, sizeof c.seed);
    c.seed %= 1000000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seconds") == 0) seconds = strtoll(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0) c.seed = strtoull(argv[i + 1], NULL, 10);
    }
    c.random = c.seed;
    c.is_verbose = getenv("CHAOS_VERBOSE") != NULL;
    printf("chaos: seed %" PRIu64 ", %lld s\n", c.seed, (long long)seconds);
    fflush(stdout);
    static const char *const tree[] = {"--directories", "3", "--depth", "1", "--projects", "3", "--phases", "2",
                                       "--elevations",  "8", "--seed",  "7", NULL};
    system_servers(&c.sys, tree);
    c.start_ms = mono_ms();
    c.end_ms = c.start_ms + seconds * 1000;
    chaos_boot(&c);
    load_start(&c);
    while (mono_ms() < c.end_ms) {
        chaos_strike(&c);
        check_during(&c);
    }
    chaos_calm(&c);
    load_stop(&c);
    check_end(&c);
    system_end(&c.sys);
    printf("1 passed, 0 failed\n");
    buf_free(&timeline);
    return 0;
}
