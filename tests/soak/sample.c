/* One row of figures: what each process holds, what is in Redis and PostgreSQL, how the clients fare, what was logged.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <hiredis/hiredis.h>

#include "conf/clock.h"
#include "tests/soak/soak.h"
#include "tests/support/process/proc.h"

#define PIDS_MOST 64

static void put(struct soak *s, const char *what, const char *of, enum bound bound, double value)
{
    char name[80];
    snprintf(name, sizeof name, "%.40s %.30s", of, what);
    record_put(&s->record, name, bound, value);
}

/* ---- processes ---- */

static void put_process(struct soak *s, const char *name, int pid, struct proc_use *sum)
{
    struct proc_use use;
    char pid_name[60];
    if (pid <= 0 || !proc_use(pid, &use)) return;
    bool rests = strncmp(name, "runner", 6) == 0; /* between tasks, of which a sync holds files and sessions */
    put(s, "anonymous KiB", name, rests ? REST_MEMORY : FLAT_MEMORY, (double)use.anonymous_kib);
    put(s, "RSS KiB", name, rests ? REST_MEMORY : FLAT_MEMORY, (double)use.rss_kib);
    put(s, "PSS KiB", name, ANY, (double)use.pss_kib);
    put(s, "descriptors", name, rests ? REST_EQUAL : EQUAL, use.descriptors);
    put(s, "threads", name, rests ? REST_EQUAL : EQUAL, use.threads);
    sum->pss_kib += use.pss_kib;
    sum->anonymous_kib += use.anonymous_kib;
    snprintf(pid_name, sizeof pid_name, "%.40s pid", name);
    record_put(&s->record, pid_name, ANY, pid);
    for (int i = 0; i < s->record.count; i++) {
        const struct series *pids = &s->record.series[i];
        int row = s->record.rows;
        if (strcmp(pids->name, pid_name) == 0 && row > 0 && pids->values[row - 1] != pid) s->replaced++;
    }
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Those of the run, but for the roles: the guardian, the runners, and whatever else there is. */
static void put_processes(struct soak *s)
{
    char entry[300], name[40];
    int pids[PIDS_MOST], runners = 0, others = 0;
    struct proc_use sum = {0};
    int supervisor = s->sys.logikald.pid, worker = system_child(&s->sys, "worker");
    int web = system_child(&s->sys, "web"), beat = system_child(&s->sys, "beat");
    put_process(s, "supervisor", supervisor, &sum);
    put_process(s, "web", web, &sum);
    put_process(s, "worker", worker, &sum);
    put_process(s, "beat", beat, &sum);
    snprintf(entry, sizeof entry, "LOGIKALD_RUN_DIR=%s", s->sys.run_dir);
    int count = proc_with(entry, pids, PIDS_MOST);
    qsort(pids, (size_t)count, sizeof *pids, by_number);
    for (int i = 0; i < count; i++) {
        if (pids[i] == supervisor || pids[i] == web || pids[i] == worker || pids[i] == beat) continue;
        if (proc_parent(pids[i]) == worker)
            snprintf(name, sizeof name, "runner %d", ++runners);
        else if (others++ == 0)
            snprintf(name, sizeof name, "guardian");
        else
            snprintf(name, sizeof name, "other %d", others);
        put_process(s, name, pids[i], &sum);
    }
    record_put(&s->record, "processes", EQUAL, count);
    record_put(&s->record, "all processes anonymous KiB", FLAT_MEMORY, (double)sum.anonymous_kib);
    record_put(&s->record, "all processes PSS KiB", ANY, (double)sum.pss_kib); /* others share our libraries, or not */
}

/* ---- servers ---- */

static double info_number(redisContext *redis, const char *section, const char *name)
{
    redisReply *reply = redisCommand(redis, "INFO %s", section);
    const char *at = reply && reply->type == REDIS_REPLY_STRING ? strstr(reply->str, name) : NULL;
    double n = at ? strtod(at + strlen(name), NULL) : NAN;
    freeReplyObject(reply);
    return n;
}

static void put_redis(struct soak *s)
{
    redisContext *redis = redisConnect("127.0.0.1", s->sys.redis.port);
    if (redis && !redis->err) {
        record_put(&s->record, "Redis used KiB", FLAT_MEMORY, info_number(redis, "memory", "\nused_memory:") / 1024);
        record_put(&s->record, "Redis clients", EQUAL, info_number(redis, "clients", "\nconnected_clients:"));
        redisReply *size = redisCommand(redis, "DBSIZE");
        record_put(&s->record, "Redis keys", FLAT_COUNT, size ? (double)size->integer : NAN);
        freeReplyObject(size);
    }
    redisFree(redis);
}

static void put_postgres(struct soak *s)
{
    static const char *const tables[] = {
        "sync_logs",       "api_logs",    "sessions", "elevations", "elevation_parts_lists",
        "elevation_glass", "parts_files", "changes"};
    record_put(&s->record, "PostgreSQL connections", EQUAL,
               (double)pg_int(&s->sys.pg, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
                                          " AND application_name LIKE 'logikald%'"));
    record_put(&s->record, "PostgreSQL database KiB", ANY,
               (double)pg_int(&s->sys.pg, "SELECT pg_database_size(current_database()) / 1024"));
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
        put(s, "rows", tables[i], ANY, (double)pg_int(&s->sys.pg, sql));
    }
}

/* ---- clients, log ---- */

static void put_clients(struct soak *s, double seconds)
{
    for (int i = 0; i < LOAD_KINDS; i++) {
        const struct load_count *now = &s->load.shared->of[i], *before = &s->before->of[i];
        int64_t served = now->served - before->served;
        if (now->answered == 0 && now->refused == 0 && now->broken == 0) continue; /* not in the plan */
        bool is_quick = i == LOAD_READER || i == LOAD_ADDER || i == LOAD_BILLS || i == LOAD_FILES || i == LOAD_PICTURES;
        enum bound bound = is_quick ? FLAT_TIME : ANY;
        put(s, "a second", load_names[i], ANY, (double)served / seconds);
        if (served == 0) continue;
        put(s, "p50 ms", load_names[i], bound, load_percentile_ms(now, before, 50));
        put(s, "p99 ms", load_names[i], ANY, load_percentile_ms(now, before, 99));
    }
    memcpy(s->before, s->load.shared, sizeof *s->before);
}

static void put_log(struct soak *s)
{
    char line[5000];
    FILE *log = fopen(s->log, "re");
    if (log) fseek(log, s->log_read, SEEK_SET);
    while (log && fgets(line, sizeof line, log)) {
        if (!strchr(line, '\n')) break; /* its rest comes later */
        s->log_read += (long)strlen(line);
        if (!strstr(line, "\"level\":\"error\"") && !strstr(line, "\"level\":\"critical\"")) continue;
        if (s->log_errors++ == 0) snprintf(s->first_error, sizeof s->first_error, "%.390s", line);
    }
    if (log) fclose(log);
}

void sample(struct soak *s)
{
    double load[1], at_s = (double)(mono_ms() - s->start_ms) / 1000;
    int rows = s->record.rows;
    put_processes(s);
    put_redis(s);
    put_postgres(s);
    put_clients(s, rows ? at_s - s->record.at_s[rows - 1] : at_s);
    put_log(s);
    if (getloadavg(load, 1) == 1) record_put(&s->record, "load of the machine", ANY, load[0]);
    record_row(&s->record, at_s);
}
