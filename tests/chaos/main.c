/* chaos [--seconds N] [--seed N]: see chaos.h. */
#include "tests/chaos/chaos.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/machine/random.h"
#include "tests/support/support_internal.h"

#define WAIT_MS   120000 /* for what is there in a second unless the machine is very busy */
#define LOG_SHOWN 12000
#ifdef __SANITIZE_ADDRESS__
#define EFFECTS_MS 60 /* more than a slow machine can do is waited for in the end */
#else
#define EFFECTS_MS 15
#endif

static struct buf timeline;
static pid_t owner;

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

void chaos_phase_ends(struct chaos *c, const char *phase)
{
    size_t len = strlen(c->took);
    snprintf(c->took + len, sizeof c->took - len, "%s%s %.0f s", len ? ", " : "", phase,
             (double)(mono_ms() - c->phase_ms) / 1000);
    c->phase_ms = mono_ms();
}

void chaos_pass(struct chaos *c, int64_t least_ms, int64_t most_ms)
{
    usleep((useconds_t)(least_ms + (int64_t)chaos_random(c, (uint64_t)(most_ms - least_ms + 1))) * 1000);
}

void chaos_sql(struct chaos *c, const char *sql)
{
    char why[200] = "";
    for (int64_t deadline = mono_ms() + WAIT_MS; mono_ms() < deadline; support_pause()) {
        PGconn *conn = PQconnectdb(c->sys.pg.url);
        PGresult *result = PQexec(conn, sql);
        bool is_done = PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;
        snprintf(why, sizeof why, "%s", PQerrorMessage(conn));
        PQclear(result);
        PQfinish(conn);
        if (is_done) return;
    }
    chaos_fail(c, "PostgreSQL does not take a statement: %s", why);
}

/* What can be known when it did not end well; also when a check of the test support ended the program. */
static struct chaos *told;
static void tell(const char *why)
{
    struct chaos *c = told;
    if (!c || c->is_over || getpid() != owner) return;
    c->is_over = true;
    char *log = support_read_file(c->log);
    size_t len = strlen(log);
    printf("%s\nlast lines of the log:\n%s\ntimeline:\n%s\ntook: %s\nseed %" PRIu64 ": %s\n0 passed, 1 failed\n", why,
           log + (len > LOG_SHOWN ? len - LOG_SHOWN : 0), timeline.data ? timeline.data : "", c->took, c->seed, why);
    fflush(stdout);
    free(log);
}

static void tell_at_exit(void)
{
    tell("the test itself could not go on; see above");
}

void chaos_fail(struct chaos *c, const char *fmt, ...)
{
    char text[2000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)c;
    tell(text);
    support_stop_all();
    _exit(1);
}

void chaos_install(struct chaos *c)
{
    static const char *const names[] = {"logikald", "logikald-roles", "logikald-beat"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char to[400], aside[420], from[400], *output = NULL;
        snprintf(from, sizeof from, "%.300s/%s", c->built, names[i]);
        snprintf(to, sizeof to, "%s/%s", c->bin, names[i]);
        snprintf(aside, sizeof aside, "%s.new", to);
        char *argv[] = {"cp", from, aside, NULL};
        if (process_run(argv, NULL, &output) != 0 || rename(aside, to) != 0)
            chaos_fail(c, "%s cannot be installed: %s", from, output ? output : "");
        free(output);
    }
}

/* The programs under test are copies; the simulator is not replaced. */
static void prepare(struct chaos *c)
{
    char from[400], to[400];
    snprintf(c->built, sizeof c->built, "%s", support_build_dir());
    snprintf(c->bin, sizeof c->bin, "%.250s/bin", support_dir());
    snprintf(c->log, sizeof c->log, "%.250s/logikald.log", support_dir());
    snprintf(c->follow_ups, sizeof c->follow_ups, "%.250s/follow-ups", support_dir());
    snprintf(c->sanitizer_logs, sizeof c->sanitizer_logs, "%.250s/sanitizer", support_dir());
    snprintf(from, sizeof from, "%.300s/logikal-sim", c->built);
    snprintf(to, sizeof to, "%s/logikal-sim", c->bin);
    if (mkdir(c->bin, 0700) != 0 || symlink(from, to) != 0) chaos_fail(c, "%s cannot be made", to);
    chaos_install(c);
    shimmed_open(&c->shim);
}

void chaos_boot(struct chaos *c)
{
    char log[300], asan[1000], ubsan[600], alarms[120];
    const char *env[] = {"BACKGROUND_SYNC_ENABLED=true",
                         "DIAGNOSTIC_TASKS=true",
                         "WORKER_LEASE_SECONDS=4",
                         "BEAT_LOCK_TTL_SECONDS=3",
                         "WATCHDOG_SECONDS=5",
                         "LOGIKAL_RETRY_BUDGET_SECONDS=3",
                         "TASK_MAX_DELIVERIES=50",
                         "RESTART_STABLE_SECONDS=2",
                         "RATE_LIMIT_PER_MINUTE=0",
                         "RATE_LIMIT_PER_HOUR=0",
                         "STOP_TIMEOUT_SECONDS=20",
                         "FORCED_SYNC_TIMEOUT_SECONDS=20",
                         "METRICS_TOKEN=" CHAOS_TOKEN,
                         "ALERT_SEVERITY=look",
                         "ALERT_AFTER_SECONDS=3",
                         "WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8",
                         "WEBHOOK_TICK_SECONDS=1",
                         "WEBHOOK_TIMEOUT_SECONDS=2",
                         alarms,
                         c->shim.preload,
                         c->shim.file,
                         asan,
                         ubsan,
                         log,
                         NULL};
    snprintf(log, sizeof log, "LOG_FILE=%s", c->log);
    snprintf(alarms, sizeof alarms, "ALERT_WEBHOOK_URL=%s/moods/alarms", c->receiver.url);
    snprintf(asan, sizeof asan, "%s:quarantine_size_mb=8:log_path=%s", c->shim.sanitizer, c->sanitizer_logs);
    snprintf(ubsan, sizeof ubsan, "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:log_path=%s", c->sanitizer_logs);
    system_run(&c->sys, "", env);
    for (int64_t deadline = mono_ms() + WAIT_MS; system_health(&c->sys) != 200; support_pause())
        if (mono_ms() > deadline) chaos_fail(c, "nothing is served within %d s of a start", WAIT_MS / 1000);
    if (c->load.shared) load_take_up(&c->load);
}

static void read_arguments(struct chaos *c, int argc, char **argv, int64_t *seconds)
{
    random_bytes(&c->seed, sizeof c->seed);
    c->seed %= 1000000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seconds") == 0) *seconds = strtoll(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0) c->seed = strtoull(argv[i + 1], NULL, 10);
    }
    c->random = c->seed;
    c->is_verbose = getenv("CHAOS_VERBOSE") != NULL;
}

int main(int argc, char **argv)
{
    static struct chaos c;
    int64_t seconds = 60;
    read_arguments(&c, argc, argv, &seconds);
    c.is_long = seconds >= 300;
    printf("chaos: seed %" PRIu64 ", %lld s\n", c.seed, (long long)seconds);
    fflush(stdout);
    static const char *const tree[] = {"--directories",
                                       "3",
                                       "--depth",
                                       "1",
                                       "--projects",
                                       "3",
                                       "--phases",
                                       "2",
                                       "--elevations",
                                       "8",
                                       "--seed",
                                       "7",
                                       "--delay",
                                       "auth=150,list=10,project=10,parts=15,thumbnail=5",
                                       NULL};
    static const struct load_plan plan[] = {{LOAD_EFFECTS, EFFECTS_MS},
                                            {LOAD_ADDER, 50},
                                            {LOAD_READER, 10},
                                            {LOAD_READER, 15},
                                            {LOAD_READER, 20},
                                            {LOAD_WRITER, 200},
                                            {LOAD_WATCHER, 50},
                                            {LOAD_WATCHER, 90},
                                            {LOAD_SYNCER, 700},
                                            {LOAD_FOLLOWER, 20},
                                            {0, 0}};
    c.start_ms = c.phase_ms = mono_ms();
    told = &c;
    owner = getpid();
    atexit(tell_at_exit);
    prepare(&c);
    setenv("LOGIKALD_BUILD_DIR", c.bin, 1);
    support_take_build_dir();
    system_servers(&c.sys, tree);
    receiver_start(&c.receiver);
    chaos_boot(&c);
    check_start(&c);
    c.load.has_follow_ups = true;
    load_open(&c.load, &c.sys);
    told_begin(&c);
    watch_begin(&c);
    load_start(&c.load, plan);
    c.end_ms = mono_ms() + seconds * 1000;
    chaos_phase_ends(&c, "start");
    while (mono_ms() < c.end_ms || !chaos_struck_all(&c)) {
        chaos_strike(&c);
        check_during(&c);
    }
    chaos_calm(&c);
    chaos_phase_ends(&c, "faults");
    check_ready(&c);
    chaos_say(&c,
              "waiting for: the clients' last requests and the results that they wait for, behind all that is queued");
    if (!load_stop(&c.load)) chaos_fail(&c, "a client of the load ended with an error");
    chaos_phase_ends(&c, "clients");
    check_end(&c);
    printf("took: %s\n", c.took);
    system_end(&c.sys);
    receiver_kill(&c.receiver);
    c.is_over = true;
    printf("1 passed, 0 failed\n");
    buf_free(&timeline);
    return 0;
}
