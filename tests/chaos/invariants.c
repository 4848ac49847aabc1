/* What must hold while faults strike, and what must hold when they are over. */
#include "tests/chaos/chaos.h"

#include <dirent.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "tests/support/process/proc.h"
#include "tests/support/support_internal.h"
#include "tests/support/sync_truth.h"

#define SUPERVISOR_FDS_MOST 200
#define FDS_MORE            24 /* than when all was well at the beginning: pools that are as large as they may be */
#define PROCESSES           7  /* supervisor, guardian, web, worker, two runners, beat */
#define WAIT_MS             180000
#ifdef __SANITIZE_ADDRESS__
#define PSS_MOST_KIB (1024 * 1024)
#else
#define PSS_MOST_KIB (96 * 1024)
#endif

/* A report of a sanitizer is a failure, also when the process that made it was replaced at once. */
static void check_sanitizers(struct chaos *c)
{
    glob_t found;
    char pattern[320];
    snprintf(pattern, sizeof pattern, "%s.*", c->sanitizer_logs);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (int i = 0; i < 500; i++) support_pause(); /* it looks up the names of functions while it writes */
        char *text = support_read_file(found.gl_pathv[0]);
        chaos_fail(c, "a sanitizer has reported: %.1800s", text);
    }
    globfree(&found);
}

void check_during(struct chaos *c)
{
    int64_t pss = 0;
    if (!process_running(&c->sys.logikald))
        chaos_fail(c, "the supervisor is gone: wait status %#x", (unsigned)c->sys.logikald.status);
    int fds = proc_descriptors(c->sys.logikald.pid), processes = usage_processes(&pss);
    if (fds > SUPERVISOR_FDS_MOST) chaos_fail(c, "the supervisor holds %d descriptors", fds);
    if (processes > 3 * PROCESSES) chaos_fail(c, "there are %d processes", processes);
    if (pss > PSS_MOST_KIB) chaos_fail(c, "the processes use %lld KiB", (long long)pss);
    if (pss > c->pss_peak_kib) c->pss_peak_kib = pss;
    check_sanitizers(c);
}

int64_t chaos_redis_number(struct chaos *c, const char *command)
{
    char *text = redis_cli(&c->sys.redis, command);
    int64_t n = text && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9')) ? strtoll(text, NULL, 10) : -1;
    free(text);
    return n;
}

static void wait_for(struct chaos *c, const char *what, bool (*is_true)(struct chaos *c), int64_t ms)
{
    chaos_say(c, "waiting for: %s", what);
    c->lacks[0] = 0;
    for (int64_t deadline = mono_ms() + ms; !is_true(c); support_pause())
        if (mono_ms() > deadline) chaos_fail(c, "not within %lld s: %s %s", (long long)ms / 1000, what, c->lacks);
}

void chaos_wait(struct chaos *c, const char *what, bool (*is_true)(struct chaos *c))
{
    wait_for(c, what, is_true, WAIT_MS);
}

static bool is_healthy(struct chaos *c)
{
    return system_health(&c->sys) == 200 && system_child(&c->sys, "worker") && system_child(&c->sys, "beat");
}

struct effects {
    int64_t accepted, sent, twice, lost;
};

/* Counts what came of the tasks whose keys command asks for (MGET, a line each). */
static void count_effects(struct chaos *c, const char *command, struct effects *effects)
{
    char *text = redis_cli(&c->sys.redis, command);
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        int64_t n = strtoll(line, NULL, 10); /* a missing key is an empty line */
        effects->sent++;
        effects->twice += n > 1;
        effects->lost += n < 1;
    }
    free(text);
}

/* What has come of all accepted tasks so far. */
static struct effects read_effects(struct chaos *c)
{
    char id[80];
    struct effects e = {0};
    struct buf command = {0};
    FILE *ledger = fopen(c->load.ledger, "re");
    if (!ledger) chaos_fail(c, "no ledger");
    for (bool is_more = true; is_more;) {
        buf_reset(&command);
        buf_str(&command, "--raw mget");
        int batch = 0;
        while (batch < 200 && (is_more = fscanf(ledger, "%79s", id) == 1)) {
            buf_printf(&command, " load-effect-%s", id);
            batch++;
        }
        if (batch) count_effects(c, command.data, &e);
        e.accepted += batch;
    }
    fclose(ledger);
    buf_free(&command);
    return e;
}

static bool is_every_task_done(struct chaos *c)
{
    struct effects e = read_effects(c);
    return e.sent == e.accepted && e.lost == 0;
}

static void check_effects(struct chaos *c)
{
    wait_for(c, "the effect of every accepted task", is_every_task_done, WAIT_MS);
    struct effects e = read_effects(c);
    printf("tasks: %lld accepted, none lost, %lld done more than once, %d faults\n", (long long)e.accepted,
           (long long)e.twice, c->faults);
    if (e.accepted == 0) chaos_fail(c, "no task was accepted at all");
    if (e.twice > c->faults * 20) chaos_fail(c, "%lld tasks were done more than once", (long long)e.twice);
}

static void check_complaints(struct chaos *c)
{
    char *text = load_complaints(&c->load);
    if (text[0]) chaos_fail(c, "clients saw what they must not:\n%.1800s", text);
    free(text);
}

static bool is_synced_anew(struct chaos *c)
{
    return pg_int(&c->sys.pg,
                  "SELECT count(*) FROM object_sync_configs WHERE object_type IN "
                  "('directory','project','phase','elevation') AND last_sync > now() - interval '1 hour'") == 4;
}

/* Also what has failed, and would be tried again in some minutes. */
void chaos_make_due(struct chaos *c)
{
    chaos_sql(c, "UPDATE object_sync_configs SET last_sync = now() - interval '2 days', last_attempt = NULL,"
                 " next_retry_at = NULL, retry_count = 0");
}

/* What a parser that was killed had begun, and what waits for another try, is due after some minutes: here at once. */
static void hurry_parsers(struct chaos *c)
{
    static int64_t last_ms;
    if (mono_ms() - last_ms < 15000) return;
    last_ms = mono_ms();
    chaos_sql(c, "UPDATE elevations SET parse_started_at = now() - interval '1 day' WHERE parse_status IN ('pending', "
                 "'in_progress') AND parse_started_at < now() - interval '20 seconds'");
    chaos_make_due(c);
}

static bool is_every_list_read(struct chaos *c)
{
    static char last[100];
    char *states = pg_value(&c->sys.pg, "SELECT count(*) FILTER (WHERE parse_status = 'pending') || ' pending, ' ||"
                                        " count(*) FILTER (WHERE parse_status = 'in_progress') || ' in progress' FROM"
                                        " elevations WHERE deleted_at IS NULL");
    bool is_read = strcmp(states, "0 pending, 0 in progress") == 0;
    if (strcmp(states, last) != 0) chaos_say(c, "parts lists: %s", states);
    snprintf(last, sizeof last, "%s", states);
    free(states);
    if (!is_read) hurry_parsers(c);
    return is_read;
}

static void check_rows(struct chaos *c)
{
    struct sync_world world = {.pg = c->sys.pg, .sim = c->sys.sim};
    char *differences = truth_differences(&world, true);
    if (differences[0]) chaos_fail(c, "the database differs from the upstream:\n%.1800s", differences);
    free(differences);
}

static bool has_its_processes(struct chaos *c)
{
    (void)c;
    return usage_processes(NULL) == PROCESSES;
}

void check_start(struct chaos *c)
{
    wait_for(c, "web healthy, worker and beat ready", is_healthy, WAIT_MS);
    wait_for(c, "the first sync", is_synced_anew, WAIT_MS);
    wait_for(c, "the usual number of processes", has_its_processes, WAIT_MS);
    usage_read(c, &c->at_first);
}

static bool holds_what_it_did(struct chaos *c)
{
    struct chaos_usage now;
    usage_read(c, &now);
    bool is_so = now.supervisor_fds <= c->at_first.supervisor_fds + FDS_MORE;
    for (int i = 0; i < 3; i++) is_so = is_so && now.role_fds[i] <= c->at_first.role_fds[i] + FDS_MORE;
    return is_so;
}

/* Each kind of client got through; what was cut off is what a process that was killed had taken. */
static void check_answers(struct chaos *c)
{
    int64_t broken = 0;
    for (int i = 0; i < LOAD_KINDS; i++) {
        const struct load_count *n = &c->load.shared->of[i];
        if (!c->load.has[i]) continue;
        printf("%s: %lld answered, %lld served, %lld refused, %lld cut off\n", load_names[i], (long long)n->answered,
               (long long)n->served, (long long)n->refused, (long long)n->broken);
        if (n->served == 0) chaos_fail(c, "no client got through: %s", load_names[i]);
        broken += n->broken;
    }
    printf("%d deploys, %d kills of the supervisor, %d of web; at most %.1f MiB\n", c->deploys, c->supervisor_kills,
           c->web_deaths, (double)c->pss_peak_kib / 1024);
    if (broken > (int64_t)(c->web_deaths + 2) * c->load.clients)
        chaos_fail(c, "%lld requests were cut off by %d deaths of web", (long long)broken, c->web_deaths);
}

/* Keys without an expiry, but for the effects, are few and known. What beat has asked for in the moment of the stop
 * waits in scheduler for the next worker. */
static void check_redis_keys(struct chaos *c)
{
    static const char *const known[] = {"load-effect-",        "_kombu.binding.", "logikald.clock", "logikald.beat",
                                        "logikald.beat.fence", "logikald.counts", "scheduler"};
    char *text =
        redis_cli(&c->sys.redis, "--raw eval \"local out = {} for _, k in ipairs(redis.call('KEYS', '*')) do "
                                 "if redis.call('PTTL', k) == -1 then out[#out + 1] = k end end return out\" 0");
    for (char *line = text, *next; line && *line; line = next) {
        bool is_known = false;
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known = is_known || strncmp(line, known[i], strlen(known[i])) == 0;
        if (!is_known) chaos_fail(c, "a key is left in Redis: %s", line);
    }
    free(text);
}

/* Sessions that nobody can end are those of logins that were on their way when their process was killed: the product
 * has counted them, and nobody has ever used them. */
static void check_sessions(struct chaos *c)
{
    struct sync_world world = {.pg = c->sys.pg, .sim = c->sys.sim};
    int64_t open = sim_number(&world, "open_sessions");
    int64_t unknown = pg_int(&c->sys.pg, "SELECT coalesce(sum(value), 0) FROM sync_counters WHERE object_type = "
                                         "'session' AND outcome = 'unknown'");
    printf("sessions of the upstream: %lld opened, %lld left open, %lld counted as unknown\n",
           (long long)sim_number(&world, "logins"), (long long)open, (long long)unknown);
    int64_t used = sim_number(&world, "used_sessions");
    if (used != 0) chaos_fail(c, "%lld sessions that were used are left open", (long long)used);
    if (open > unknown) chaos_fail(c, "%lld sessions are left, %lld are counted", (long long)open, (long long)unknown);
}

/* After a graceful stop nothing of it is left anywhere. */
static void check_leaks(struct chaos *c)
{
    glob_t found;
    check_sessions(c);
    if (chaos_redis_number(c, "--raw hlen unacked") != 0)
        chaos_fail(c, "messages stay unacknowledged after a graceful stop");
    check_redis_keys(c);
    int64_t backends = pg_int(&c->sys.pg, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                                          "AND application_name LIKE 'logikald%'");
    if (backends != 0) chaos_fail(c, "%lld connections to PostgreSQL are left", (long long)backends);
    if (usage_processes(NULL) != 0) chaos_fail(c, "processes are left after a graceful stop");
    if (glob("/dev/shm/*logikal*", 0, NULL, &found) == 0) chaos_fail(c, "shared memory is left: %s", found.gl_pathv[0]);
    globfree(&found);
}

/* Those that were killed are taken for dead when their lease is over; their entries go then. */
static bool only_the_living_are_workers(struct chaos *c)
{
    return chaos_redis_number(c, "zcard logikald.workers") == 1;
}

static bool is_no_lease_held(struct chaos *c)
{
    return pg_int(&c->sys.pg, "SELECT count(*) FROM leases WHERE expires_at > clock_timestamp()") == 0;
}

static bool is_no_session_noted(struct chaos *c)
{
    return pg_int(&c->sys.pg, "SELECT count(*) FROM sessions") == 0;
}

/* What lies have left is put right by a forced sync, and what was deleted in such numbers that it is held is let go. */
static void force_all(struct chaos *c)
{
    struct sync_world world = {.pg = c->sys.pg, .sim = c->sys.sim};
    chaos_say(c, "a forced sync of everything");
    cJSON_Delete(sync_task(&world, "tasks.sync_tasks.full_sync_task", NULL, "{\"force_sync\":true}", NULL));
    chaos_sql(c, "SELECT logikald_hold_decide(id, 'apply', 'chaos') FROM sync_holds WHERE state = 'open'");
}

/* Not after the clients have ended: they wait for results, and those for the tasks that were queued before, for as long
 * as it takes to do them. */
void check_ready(struct chaos *c)
{
    int64_t calm_ms = mono_ms();
    wait_for(c, "web healthy, worker and beat ready", is_healthy, WAIT_MS);
    printf("ready %.1f s after the last fault, with %lld tasks queued\n", (double)(mono_ms() - calm_ms) / 1000,
           (long long)chaos_redis_number(c, "--raw llen sync"));
}

void check_end(struct chaos *c)
{
    wait_for(c, "web healthy, worker and beat ready", is_healthy, WAIT_MS);
    check_effects(c);
    check_follow_ups(c);
    check_poison(c);
    chaos_phase_ends(c, "tasks");
    check_complaints(c);
    check_answers(c);
    chaos_print_faults();
    chaos_sql(c, "UPDATE directories SET exclude_from_sync = false"); /* what a client was about to include again */
    force_all(c);
    chaos_make_due(c);
    wait_for(c, "one clean sync", is_synced_anew, WAIT_MS);
    wait_for(c, "the parts lists to be read", is_every_list_read, WAIT_MS);
    check_rows(c);
    chaos_phase_ends(c, "last sync");
    wait_for(c, "the usual number of processes", has_its_processes, WAIT_MS);
    wait_for(c, "the usual number of descriptors", holds_what_it_did, WAIT_MS);
    wait_for(c, "dead workers to be forgotten", only_the_living_are_workers, WAIT_MS);
    wait_for(c, "the leases of the dead to run out", is_no_lease_held, WAIT_MS);
    chaos_make_due(c);
    wait_for(c, "the sessions of the dead to be logged out", is_no_session_noted, WAIT_MS);
    chaos_phase_ends(c, "what is left");
    check_told(c);
    chaos_phase_ends(c, "feed");
    check_alarms(c);
    chaos_phase_ends(c, "alarms");
    system_stop(&c->sys);
    check_leaks(c);
    check_sanitizers(c);
    chaos_phase_ends(c, "stop");
}
