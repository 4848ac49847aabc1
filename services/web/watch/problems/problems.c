/* See problems.h. Each part has its judge. What keeps the copy from getting fresher is found first, so that stale types
 * are told as what it hits, and not as faults of their own. */
#include "services/web/watch/problems/problems.h"

#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "services/web/watch/problems/problem.h"
#include "services/web/watch/problems/problems_certificates.h"
#include "services/web/watch/problems/problems_feed.h"
#include "services/web/watch/problems/problems_size.h"
#include "services/web/watch/problems/problems_sync.h"

#define PARSER_QUEUE  "sqlite_parser"
#define DEPTH_MANY    1000
#define OLDEST_LATE_S 900
#define MEMORY_FULL   0.92 /* of the limit */

/* What a restart of it would lose. */
static void judge_forgetful(struct findings *f, const cJSON *facts)
{
    const cJSON *q;
    double waiting = fact_number(fact(facts, "queues"), "unacked");
    char hits[120];
    if (!fact_is(fact(facts, "redis"), "is_forgetful")) return;
    cJSON_ArrayForEach(q, fact(fact(facts, "queues"), "queues")) waiting += fact_number(q, "depth");
    cJSON *p = problem(f, SEVERITY_LOOK, "Redis", "forgets",
                       "Redis keeps nothing on disk: with its next restart what waits in it is lost");
    snprintf(hits, sizeof hits, "%.0f in the queues now, results, and what was paused", waiting);
    problem_text(p, "hits", hits);
    problem_advice(p,
                   "Switch its append-only file on (appendonly yes), or rent one that persists. Data is not at risk: "
                   "what is due is read again.");
}

static void judge_went_back(struct findings *f, const cJSON *facts)
{
    const char *at = fact_text(fact(facts, "redis"), "went_back");
    if (!*at) return;
    cJSON *p = problem(f, SEVERITY_LOOK, "Redis", "went_back",
                       "Redis came back without what it had acknowledged: tasks and results may be lost");
    problem_advice(p, "What is due is fetched again by itself; what others sent in its last moments they send again. A "
                      "longer memory: appendonly yes, appendfsync always, or replicas. This is told for an hour.");
    problem_text(p, "since", at);
}

static void judge_stores(struct findings *f, const cJSON *facts)
{
    const cJSON *s;
    cJSON_ArrayForEach(s, fact(facts, "stores")) {
        const char *tone = fact_text(s, "tone"), *name = fact_text(s, "name");
        if (strcmp(tone, "bad") != 0 && strcmp(tone, "warn") != 0) continue;
        cJSON *p =
            problem(f, *tone == 'b' ? SEVERITY_WRONG : SEVERITY_LOOK, name, "", "%s: %s", name, fact_text(s, "text"));
        problem_advice(p, fact_text(s, "advice"));
        problem_blocks(f, p);
    }
    const cJSON *redis = fact(facts, "redis");
    const char *policy = fact_text(redis, "policy");
    if (fact_number(redis, "limit_bytes") > 0 && *policy && strcmp(policy, "noeviction") != 0)
        problem_advice(
            problem(f, SEVERITY_LOOK, "Redis", "evicts",
                    "Redis throws keys away when its memory is full (maxmemory-policy %s): tasks can be lost", policy),
            "Set maxmemory-policy noeviction.");
    judge_forgetful(f, facts);
    judge_went_back(f, facts);
}

static void judge_child(struct findings *f, const cJSON *c)
{
    const char *state = fact_text(c, "state"), *name = fact_text(c, "name"), *role = fact_text(c, "role");
    const char *tone = fact_text(c, "tone"), *exit = fact_text(c, "last_exit");
    cJSON *p = NULL;
    if (strcmp(state, "crash-loop") == 0) {
        p = problem(f, SEVERITY_WRONG, name, "", "%s ends again and again (%s)", name, exit);
        problem_advice(p, "The log tells why.");
        problem_text(p, "next", fact_text(c, "next_start"));
    } else if (strcmp(state, "stopped") == 0) {
        p = problem(f, SEVERITY_LOOK, name, "", "%s was stopped by hand", name);
        problem_advice(p, "Start it on the System page.");
    } else if (strcmp(state, "frozen") == 0) {
        p = problem(f, SEVERITY_LOOK, name, "", "%s is stopped by a signal (SIGSTOP) and does nothing", name);
        problem_advice(p, "It is replaced when it has not pinged for WATCHDOG_SECONDS; SIGCONT lets it go on.");
    } else if (strcmp(state, "dumping") == 0) {
        p = problem(f, SEVERITY_LOOK, name, "", "%s hung and is being ended; it is started again by itself", name);
    } else if (*tone && strcmp(tone, "ok") != 0) {
        p = problem(f, strcmp(tone, "bad") == 0 ? SEVERITY_WRONG : SEVERITY_LOOK, name, "", "Process %s is %s%s%s%s",
                    name, state, *exit ? " (" : "", exit, *exit ? ")" : "");
        problem_text(p, "next", fact_text(c, "next_start"));
    }
    if (!p) return;
    problem_why(p, "process:", name);
    problem_text(p, "link", "/ui/system");
    problem_text(p, "since", fact_text(c, "exit_at"));
    if (strcmp(role, "worker") == 0 || strcmp(role, "beat") == 0) problem_blocks(f, p);
}

/* Replaced without a gap: the one of its name is there until the new one is ready, and ends when that has taken over.
 */
static bool is_being_replaced(const cJSON *children, const cJSON *child)
{
    const cJSON *c;
    if (fact_is(child, "is_draining")) return true;
    if (strcmp(fact_text(child, "state"), "starting") != 0) return false;
    cJSON_ArrayForEach(c, children)
        if (c != child && strcmp(fact_text(c, "name"), fact_text(child, "name")) == 0) return true;
    return false;
}

/* A supervisor that cannot write to its run directory goes on, and nobody hears of it. Read-only may be our view of it
 * alone, as long as it is heard of. */
static void judge_run_dir(struct findings *f, const cJSON *supervisor)
{
    const char *unwritable = fact_text(supervisor, "unwritable");
    bool is_mute = fact_is(supervisor, "is_mute");
    if (!is_mute && strcmp(unwritable, "full") != 0) return;
    cJSON *p = problem(f, is_mute ? SEVERITY_WRONG : SEVERITY_LOOK, "supervisor", "run-dir",
                       "The run directory %s is %s: what processes do cannot be told or kept, and no reload is applied",
                       fact_text(supervisor, "run_dir"), unwritable);
    problem_advice(p, "Make room there, or mount it so that it can be written to; nothing has to be restarted.");
}

static void judge_supervisor(struct findings *f, const cJSON *facts)
{
    const cJSON *supervisor = fact(facts, "supervisor"), *c;
    double limit = fact_number(supervisor, "memory_limit_bytes"), used = fact_number(supervisor, "memory_used_bytes");
    judge_run_dir(f, supervisor);
    if (fact_is(supervisor, "is_stale") && !fact_is(supervisor, "is_mute"))
        problem_advice(problem(f, SEVERITY_WRONG, "supervisor", "", "%s", fact_text(supervisor, "note")),
                       "Look at the container's log; restart the container when it does not come back.");
    else if (fact_is(supervisor, "is_known") && !fact_is(supervisor, "is_stale") && *fact_text(supervisor, "note"))
        problem_advice(problem(f, SEVERITY_LOOK, "supervisor", "note", "%s", fact_text(supervisor, "note")),
                       "Complete the configuration and reload.");
    if (*fact_text(supervisor, "reload_error")) {
        cJSON *p = problem(f, SEVERITY_LOOK, "configuration", "", "The last reload was refused: %s",
                           fact_text(supervisor, "reload_error"));
        problem_advice(p, "Correct it and reload again; until then the former configuration is in force.");
        problem_text(p, "since", fact_text(supervisor, "reload_at"));
    }
    if (fact_number(supervisor, "log_lines_dropped") > 0)
        problem_advice(problem(f, SEVERITY_LOOK, "log", "", "%.0f log lines could not be written",
                               fact_number(supervisor, "log_lines_dropped")),
                       "Is the disk of LOG_FILE full, or its reader gone?");
    if (limit > 0 && used > limit * MEMORY_FULL)
        problem_advice(problem(f, SEVERITY_LOOK, "memory", "", "%.0f of %.0f MiB of the container's memory are in use",
                               used / 1048576, limit / 1048576),
                       "Beyond the limit the kernel kills processes: give it more, or lower WORKER_CONCURRENCY.");
    if (fact_is(supervisor, "is_stale")) return;
    cJSON_ArrayForEach(c, fact(supervisor, "children"))
        if (!is_being_replaced(fact(supervisor, "children"), c)) judge_child(f, c);
}

static void judge_pause(struct findings *f, const cJSON *queue)
{
    double depth = fact_number(queue, "depth");
    const char *name = fact_text(queue, "name");
    cJSON *p = problem(f, SEVERITY_LOOK, "queue", name, "Queue %s was paused by %s; %.0f task%s in it", name,
                       fact_text(queue, "paused_by"), depth, depth == 1 ? " waits" : "s wait");
    problem_advice(p, "Nothing of it is run until it is resumed: here, or with logikald queue resume.");
    problem_text(p, "since", fact_text(queue, "paused_since"));
    problem_text(p, "queue", name);
    problem_why(p, "queue:", name);
    if (strcmp(name, PARSER_QUEUE) != 0) problem_blocks(f, p); /* what is read does not wait for what is parsed */
}

static void judge_queue(struct findings *f, const cJSON *q)
{
    double depth = fact_number(q, "depth"), oldest_ms = fact_number(q, "oldest_ms");
    const char *name = fact_text(q, "name");
    cJSON *p = NULL;
    if (fact_is(q, "is_paused")) {
        judge_pause(f, q);
    } else if (oldest_ms > OLDEST_LATE_S * 1000.0) {
        p = problem(f, SEVERITY_LOOK, "queue", name, "The next task of queue %s has waited for %.0f minutes", name,
                    oldest_ms / 60000);
        problem_advice(p, "More runners (WORKER_CONCURRENCY) or a longer interval would help.");
    } else if (depth > DEPTH_MANY) {
        p = problem(f, SEVERITY_LOOK, "queue", name, "%.0f tasks wait in queue %s", depth, name);
    }
    if (!p) return;
    problem_text(p, "link", "/ui/tasks");
    problem_why(p, "queue:", name);
}

static void judge_queues(struct findings *f, const cJSON *facts)
{
    const cJSON *queues = fact(facts, "queues"), *backlog = fact(facts, "backlog"), *q;
    bool is_on = fact_is(fact(facts, "switch"), "is_on");
    double waiting = 0, dead = fact_number(queues, "dead");
    if (!cJSON_IsObject(queues)) return;
    cJSON_ArrayForEach(q, fact(queues, "queues")) {
        waiting += fact_number(q, "depth");
        judge_queue(f, q);
    }
    bool has_workers = fact_number(queues, "workers") > 0, is_explained = !has_workers && findings_have(f, "worker");
    if (!has_workers && (is_on || waiting > 0) && !is_explained) {
        cJSON *p = problem(f, is_on ? SEVERITY_WRONG : SEVERITY_LOOK, "worker", "none",
                           is_on ? "No worker is there: nothing is synced" : "%.0f tasks wait and no worker is there",
                           waiting);
        problem_advice(p, "Start one: on the System page, or as a component of its own (logikald worker).");
        problem_why(p, "process:", "worker");
        problem_text(p, "link", "/ui/system");
        problem_blocks(f, p);
    } else if (fact_is(backlog, "is_stuck") && !is_explained) {
        cJSON *p = problem(f, SEVERITY_WRONG, "queue", "stuck",
                           "%.0f tasks wait in queue %s, no worker takes any, and none is being worked on",
                           fact_number(backlog, "waiting"), fact_text(backlog, "queue"));
        problem_advice(p, "Does a worker serve this queue (WORKER_QUEUES)? Its log tells more.");
        problem_why(p, "queue:", fact_text(backlog, "queue"));
        problem_blocks(f, p);
    }
    if (dead <= 0) return;
    cJSON *p = problem(f, SEVERITY_LOOK, "dead letters", "", "%.0f dead letter%s", dead, dead == 1 ? "" : "s");
    problem_advice(p, "The Tasks page shows why, and can try them again.");
    problem_text(p, "link", "/ui/tasks");
}

static void judge_switch(struct findings *f, const cJSON *facts)
{
    const cJSON *gate = fact(facts, "switch");
    if (!gate || fact_is(gate, "is_on")) return;
    cJSON *p = problem(f, SEVERITY_LOOK, "switch", "", "%s",
                       *fact_text(gate, "text") ? fact_text(gate, "text") : "Scheduled sync is off");
    problem_advice(p, "Nothing is synced on schedule, and what is there ages: set BACKGROUND_SYNC_ENABLED=true.");
    problem_blocks(f, p);
}

static void judge_schedule(struct findings *f, const cJSON *facts)
{
    const cJSON *pause;
    char since[CLOCK_TEXT_SIZE];
    cJSON_ArrayForEach(pause, fact(facts, "paused")) {
        const char *entry = pause->string, *by = fact_text(pause, "by");
        cJSON *p = problem(f, SEVERITY_LOOK, "schedule", entry, "The schedule's entry %s was paused by %s", entry,
                           *by ? by : "somebody");
        problem_advice(p, "Its runs are left out until it is resumed, on the page Schedule.");
        problem_text(p, "link", "/ui/schedule");
        if (fact_number(pause, "since_ms") > 0)
            problem_text(p, "since", clock_iso_ms(fact_whole(pause, "since_ms"), since));
        if (strcmp(entry, "smart-sync-scheduler") == 0) problem_blocks(f, p);
    }
}

static void judge_alarms(struct findings *f, const cJSON *facts)
{
    const char *fault = fact_text(facts, "alarms");
    if (*fault)
        problem_advice(problem(f, SEVERITY_LOOK, "alarms", "", "Problems cannot be told by %s", fault),
                       "Is the address right, and the receiver there? POST /api/v1/admin/alerts/test tries it.");
    if (*fact_text(facts, "heartbeat"))
        problem_advice(problem(f, SEVERITY_LOOK, "heartbeat", "", "HEARTBEAT_URL cannot be called: %s",
                               fact_text(facts, "heartbeat")),
                       "Its owner will take that for our silence. Is the address right, and the receiver there? It is "
                       "called again by itself.");
}

static void put_state(cJSON *out, const cJSON *problems, const cJSON *facts)
{
    static const char *const words[SEVERITIES] = {
        [SEVERITY_LOOK] = "look", [SEVERITY_UNKNOWN] = "unknown", [SEVERITY_WRONG] = "wrong"};
    static const char *const texts[SEVERITIES] = {[SEVERITY_LOOK] = "Working, with something to look at",
                                                  [SEVERITY_UNKNOWN] = "Not known",
                                                  [SEVERITY_WRONG] = "Something is wrong"};
    char text[160];
    if (!problems->child) {
        cJSON_AddStringToObject(out, "state", "fresh");
        cJSON_AddStringToObject(out, "text", sync_fresh_text(fact(facts, "sync"), text, sizeof text));
        return;
    }
    enum severity worst = problem_severity(problems->child);
    cJSON_AddStringToObject(out, "state", words[worst]);
    cJSON_AddStringToObject(out, "text", texts[worst]);
}

cJSON *problems_judge(const cJSON *facts)
{
    struct findings f;
    findings_open(&f);
    judge_stores(&f, facts);
    judge_supervisor(&f, facts);
    judge_queues(&f, facts);
    judge_switch(&f, facts);
    judge_schedule(&f, facts);
    judge_feed(&f, facts);
    judge_size(&f, facts);
    judge_bills(&f, facts);
    judge_alarms(&f, facts);
    judge_certificates(&f, facts);
    judge_sync(&f, facts);
    cJSON *out = cJSON_CreateObject(), *problems = findings_close(&f);
    put_state(out, problems, facts);
    cJSON_AddItemToObject(out, "problems", problems);
    return out;
}
