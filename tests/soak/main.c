/* soak [--minutes N] [--report DIR] [--parts real|tiny]: see soak.h. Exit status 0 when everything holds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "tests/soak/soak.h"
#include "tests/support/support_internal.h"
#include "tests/support/sync_truth.h"

#define ROW_MS 10000
enum { PARTS_AT = 13 }; /* in the simulator's arguments */

static bool is_ready(struct soak *s)
{
    return system_health(&s->sys) == 200 && system_child(&s->sys, "worker") && system_child(&s->sys, "beat") &&
           pg_int(&s->sys.pg, "SELECT count(*) FROM object_sync_configs WHERE object_type IN "
                              "('directory','project','phase','elevation') AND last_sync IS NOT NULL") == 4;
}

/* Runners live as long as the run, so that what they leak can be seen; results go after half a minute, so that what
 * Redis holds can be flat. */
static void boot(struct soak *s)
{
    char log[300];
    snprintf(s->log, sizeof s->log, "%.250s/logikald.log", support_dir());
    snprintf(log, sizeof log, "LOG_FILE=%s", s->log);
    const char *env[] = {"BACKGROUND_SYNC_ENABLED=true",
                         "DIAGNOSTIC_TASKS=true",
                         "RATE_LIMIT_PER_MINUTE=0",
                         "RATE_LIMIT_PER_HOUR=0",
                         "WORKER_MAX_TASKS_PER_CHILD=0",
                         "RESULT_EXPIRES=30",
                         "JWT_EXPIRE_MINUTES=10080",
                         "LOG_FORMAT=json",
                         "LOG_ROTATE_BYTES=0",
                         "BEAT_HEALTH_INTERVAL_SECONDS=10",
                         "FORCED_SYNC_TIMEOUT_SECONDS=50",
                         log,
                         NULL};
    system_run(&s->sys, "", env);
    WAIT_UNTIL(is_ready(s), 120000);
}

static void fail_line(struct buf *failures, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail_line(struct buf *failures, const char *fmt, ...)
{
    char text[1000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_printf(failures, "- %s\n", text);
}

static void check_clients(struct soak *s, struct buf *failures)
{
    char *complaints = load_complaints(&s->load);
    for (int i = 0; i < LOAD_KINDS; i++) {
        const struct load_count *n = &s->load.shared->of[i];
        if (n->refused || n->broken || n->wrong)
            fail_line(failures, "%s: %lld refused, %lld broken, %lld wrong", load_names[i], (long long)n->refused,
                      (long long)n->broken, (long long)n->wrong);
    }
    if (complaints[0]) fail_line(failures, "%.900s", complaints);
    if (s->log_errors) fail_line(failures, "%lld errors in the log: %s", (long long)s->log_errors, s->first_error);
    if (s->replaced) fail_line(failures, "%d processes were replaced", s->replaced);
    free(complaints);
}

/* Once nobody changes anything any more: the rows are the upstream's, and nothing is left after a stop. */
static void check_after(struct soak *s, struct buf *failures)
{
    struct sync_world world = {.pg = s->sys.pg, .sim = s->sys.sim};
    struct process p;
    int status = 0;
    world.extra_env[0] = "SYNC_INTERVAL_SECONDS=86400";
    system_stop(&s->sys);
    sync_task_start(&world, &p, "tasks.sync_tasks.full_sync_task", NULL, NULL);
    status = process_wait(&p, 300000);
    char *differences = truth_differences(&world, true);
    if (status != 0) fail_line(failures, "the last sync failed: wait status %#x", (unsigned)status);
    if (differences[0]) fail_line(failures, "the database differs from the upstream: %.800s", differences);
    if (sim_number(&world, "leaked_sessions") != 0)
        fail_line(failures, "%lld sessions of the upstream are left", (long long)sim_number(&world, "leaked_sessions"));
    free(differences);
}

int main(int argc, char **argv)
{
    static struct soak s;
    const char *tree[] = {"--directories", "4",  "--depth", "1",  "--projects", "4",    "--phases", "2",
                          "--elevations",  "12", "--seed",  "11", "--parts",    "tiny", NULL};
    static const struct load_plan plan[] = {{LOAD_READER, 40},
                                            {LOAD_READER, 40},
                                            {LOAD_READER, 60},
                                            {LOAD_WRITER, 1000},
                                            {LOAD_WATCHER, 500},
                                            {LOAD_WATCHER, 1500},
                                            {LOAD_SYNCER, 5000},
                                            {LOAD_ADDER, 50},
                                            {LOAD_BILLS, 200},
                                            {LOAD_FILES, 1000},
                                            {LOAD_PICTURES, 200},
                                            {LOAD_FOLLOWER, 500},
                                            {0, 0}};
    double minutes = 60;
    const char *report = "build/soak";
    struct buf failures = {0};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--minutes") == 0) minutes = strtod(argv[i + 1], NULL);
        if (strcmp(argv[i], "--report") == 0) report = argv[i + 1];
        if (strcmp(argv[i], "--parts") == 0) tree[PARTS_AT] = argv[i + 1];
    }
    if (mkdir(report, 0755) != 0 && errno != EEXIST) fail_msg("%s cannot be made", report);
    system_servers(&s.sys, tree);
    boot(&s);
    load_open(&s.load, &s.sys);
    s.load.is_strict = s.load.changes_upstream = true;
    s.before = calloc(1, sizeof *s.before);
    if (!s.before) abort();
    s.start_ms = mono_ms();
    load_start(&s.load, plan);
    for (int64_t end = s.start_ms + (int64_t)(minutes * 60000), next = s.start_ms; next + ROW_MS <= end;) {
        next += ROW_MS;
        while (mono_ms() < next) support_pause();
        sample(&s);
        if (!process_running(&s.sys.logikald)) fail_msg("the supervisor has ended");
        buf_str(&failures, "");
        report_write(&s, report, failures.data); /* what there is so far */
    }
    if (!load_stop(&s.load)) fail_line(&failures, "a client of the load ended with an error");
    check_clients(&s, &failures);
    check_after(&s, &failures);
    buf_str(&failures, "");
    bool is_right = report_write(&s, report, failures.data);
    record_free(&s.record);
    free(s.before);
    system_end(&s.sys);
    printf("%s/report.md: %s\n", report, is_right ? "all holds" : "not all holds");
    return is_right ? 0 : 1;
}
