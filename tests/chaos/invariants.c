/* What must hold while faults strike, and what must hold when they are over. */
#include "tests/chaos/chaos.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/buf.h"
#include "conf/clock.h"
#include "tests/support/sync_truth.h"

#define SUPERVISOR_FDS_MOST 200

static int open_descriptors(int pid)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    while (dir && readdir(dir)) n++;
    if (dir) closedir(dir);
    return n;
}

void check_during(struct chaos *c)
{
    if (!process_running(&c->sys.logikald))
        chaos_fail(c, "the supervisor is gone: wait status %#x", (unsigned)c->sys.logikald.status);
    int fds = open_descriptors(c->sys.logikald.pid);
    if (fds > SUPERVISOR_FDS_MOST) chaos_fail(c, "the supervisor holds %d descriptors", fds);
}

static int64_t redis_number(struct chaos *c, const char *command)
{
    char *text = redis_cli(&c->sys.redis, command);
    int64_t n = text && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9')) ? strtoll(text, NULL, 10) : -1;
    free(text);
    return n;
}

static void wait_for(struct chaos *c, const char *what, bool (*is_true)(struct chaos *c), int64_t ms)
{
    chaos_say(c, "waiting for: %s", what);
    for (int64_t deadline = mono_ms() + ms; !is_true(c); support_pause())
        if (mono_ms() > deadline)
            chaos_fail(c, "not within %lld s after the last fault: %s", (long long)ms / 1000, what);
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
    FILE *ledger = fopen(c->ledger, "re");
    if (!ledger) chaos_fail(c, "no ledger");
    for (bool is_more = true; is_more;) {
        buf_reset(&command);
        buf_str(&command, "--raw mget");
        int batch = 0;
        while (batch < 200 && (is_more = fscanf(ledger, "%79s", id) == 1)) {
            buf_printf(&command, " chaos-effect-%s", id);
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
    wait_for(c, "the effect of every accepted task", is_every_task_done, 120000);
    struct effects e = read_effects(c);
    printf("tasks: %lld accepted, none lost, %lld done more than once, %d faults\n", (long long)e.accepted,
           (long long)e.twice, c->faults);
    if (e.accepted == 0) chaos_fail(c, "no task was accepted at all");
    if (e.twice > c->faults * 20) chaos_fail(c, "%lld tasks were done more than once", (long long)e.twice);
}

static void check_requests(struct chaos *c)
{
    char text[2000] = "";
    FILE *log = fopen(c->http_log, "re");
    if (!log) chaos_fail(c, "no record of the requests");
    size_t n = fread(text, 1, sizeof text - 1, log);
    fclose(log);
    text[n] = 0;
    if (n) chaos_fail(c, "clients saw what they must not:\n%s", text);
}

static bool is_synced_anew(struct chaos *c)
{
    return pg_int(&c->sys.pg,
                  "SELECT count(*) FROM object_sync_configs WHERE object_type IN "
                  "('directory','project','phase','elevation') AND last_sync > now() - interval '1 hour'") == 4;
}

static void check_rows(struct chaos *c)
{
    struct sync_world world = {.pg = c->sys.pg, .sim = c->sys.sim};
    char *differences = truth_differences(&world, false);
    if (differences[0]) chaos_fail(c, "the database differs from the upstream:\n%.800s", differences);
    free(differences);
}

void check_end(struct chaos *c)
{
    wait_for(c, "web healthy, worker and beat ready", is_healthy, 60000);
    check_effects(c);
    check_requests(c);
    pg_exec(&c->sys.pg, "UPDATE object_sync_configs SET last_sync = now() - interval '2 days', last_attempt = NULL");
    wait_for(c, "one clean sync", is_synced_anew, 120000);
    check_rows(c);
    system_stop(&c->sys);
    if (redis_number(c, "--raw hlen unacked") != 0) chaos_fail(c, "messages stay unacknowledged after a graceful stop");
}
