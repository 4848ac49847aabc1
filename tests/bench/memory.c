/* Memory of the whole product, idle and during a full sync, beside the Python stack's in the same run: proportional set
 * size (PSS) of the supervisor and every process below it, against Celery (two prefork processes), its beat, and
 * uvicorn with FastAPI. Idle is the median of five seconds, after fifteen in which nothing was asked: what a start
 * needs has been given back by then, and what idling touches has come again. Prints a table in Markdown, and JSON to
 * the file named by BENCH_JSON. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "tests/support/process/proc.h"
#include "tests/support/system.h"

#define PIDS_MAX  4096
#define SETTLE_MS 15000
#define SAMPLES   25
#define SAMPLE_US 200000

struct family {
    int pid[PIDS_MAX], parent[PIDS_MAX];
    int count;
};

static void family_read(struct family *f)
{
    f->count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && f->count < PIDS_MAX && (e = readdir(proc));) {
        int pid = (int)strtol(e->d_name, NULL, 10), parent = pid > 0 ? proc_parent(pid) : 0;
        if (parent <= 0) continue;
        f->pid[f->count] = pid;
        f->parent[f->count++] = parent;
    }
    if (proc) closedir(proc);
}

static bool is_below(const struct family *f, int pid, int root)
{
    for (int depth = 0; depth < 16 && pid > 1; depth++) {
        if (pid == root) return true;
        int i = 0;
        while (i < f->count && f->pid[i] != pid) i++;
        if (i == f->count) return false;
        pid = f->parent[i];
    }
    return false;
}

static double tree_pss_mib(int root, int *count)
{
    static struct family f;
    double sum = 0;
    family_read(&f);
    *count = 0;
    for (int i = 0; i < f.count; i++)
        if (is_below(&f, f.pid[i], root)) {
            sum += (double)proc_pss_kib(f.pid[i]) / 1024;
            (*count)++;
        }
    return sum;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of these processes and all below them, once they have idled for a while. */
static double idle_mib(const int *roots, int root_count, int *processes)
{
    double sample[SAMPLES];
    usleep(SETTLE_MS * 1000);
    for (int i = 0; i < SAMPLES; i++, usleep(SAMPLE_US)) {
        sample[i] = 0;
        *processes = 0;
        for (int r = 0; r < root_count; r++) {
            int below;
            sample[i] += tree_pss_mib(roots[r], &below);
            *processes += below;
        }
    }
    qsort(sample, SAMPLES, sizeof *sample, by_size);
    return sample[SAMPLES / 2];
}

static bool peer_is_up(int port)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/health", port);
    struct http_reply reply = http_get(url);
    int status = reply.status;
    http_reply_free(&reply);
    return status == 200;
}

/* 0 when a part of the peer cannot be loaded by Debian's python3 (one that comes first in PATH may have other modules).
 */
static double peer_mib(struct system *sys)
{
    char redis[200], port_text[16], *output = NULL;
    char *probe[] = {"/usr/bin/python3", "-c", "import celery, fastapi, uvicorn", NULL};
    if (process_run(probe, NULL, &output) != 0) return free(output), 0;
    free(output);
    int port = support_free_port(), count = 0;
    snprintf(redis, sizeof redis, "REDIS_URL=%s", sys->redis.url);
    snprintf(port_text, sizeof port_text, "%d", port);
    char *env[] = {redis, "PYTHONPATH=tests/bench/memory_peer", "PYTHONDONTWRITEBYTECODE=1", NULL};
    char *web[] = {"/usr/bin/python3", "-m", "uvicorn", "app:app", "--port", port_text, NULL};
    char *worker[] = {"/usr/bin/python3", "-m", "celery", "-A", "tasks", "worker", "-c", "2", "-l", "info", NULL};
    char schedule[300];
    snprintf(schedule, sizeof schedule, "%.250s/beat-schedule", support_dir());
    char *beat[] = {"/usr/bin/python3", "-m", "celery", "-A", "tasks", "beat", "-s", schedule, "-l", "info", NULL};
    struct process p[3];
    process_start(&p[0], "peer-web", web, env);
    process_start(&p[1], "peer-worker", worker, env);
    process_start(&p[2], "peer-beat", beat, env);
    WAIT_UNTIL(peer_is_up(port), 60000);
    WAIT_UNTIL(process_logged(&p[1], " ready."), 30000);
    WAIT_UNTIL(process_logged(&p[2], "Starting"), 30000);
    double sum = idle_mib((int[]){p[0].pid, p[1].pid, p[2].pid}, 3, &count);
    for (int i = 0; i < 3; i++) process_stop(&p[i]);
    return sum;
}

static bool is_synced(struct system *sys)
{
    return pg_int(&sys->pg, "SELECT count(*) FROM object_sync_configs WHERE object_type IN "
                            "('directory','project','phase','elevation') AND last_sync IS NOT NULL") == 4;
}

static double peak_during_sync(struct system *sys)
{
    double peak = 0;
    int count;
    for (int64_t deadline = mono_ms() + 900000; !is_synced(sys) && mono_ms() < deadline; usleep(100000)) {
        double now = tree_pss_mib(sys->logikald.pid, &count);
        if (now > peak) peak = now;
    }
    return peak;
}

static bool is_idle(struct system *sys)
{
    return system_child(sys, "web") && system_child(sys, "worker") && system_child(sys, "beat") &&
           system_health(sys) == 200;
}

int main(int argc, char **argv)
{
    static struct system sys;
    const char *elevations = argc > 1 ? argv[1] : "100000";
    const char *tree[] = {"--directories",      "10",       "--depth", "1", "--projects", "20", "--phases", "5",
                          "--total-elevations", elevations, NULL};
    static const char *const first[] = {"BACKGROUND_SYNC_ENABLED=true", "SYNC_INTERVAL_SECONDS=86400", NULL};
    system_servers(&sys, tree);
    double peer = peer_mib(&sys);

    system_run(&sys, "", first);
    WAIT_UNTIL(is_idle(&sys), 60000);
    double peak = peak_during_sync(&sys);
    system_stop(&sys);
    system_run(&sys, "", first); /* what is due is done: idle */
    WAIT_UNTIL(is_idle(&sys), 60000);
    int count = 0;
    double idle = idle_mib(&sys.logikald.pid, 1, &count);
    system_stop(&sys);
    system_end(&sys);

    printf("| memory (PSS) | logikald | Python stack | ratio |\n|---|---|---|---|\n");
    printf("| idle: supervisor, web, worker with 2 runners, beat (%d processes) | %.1f MiB | ", count, idle);
    peer > 0 ? printf("%.0f MiB | 1/%.0f |\n", peer, peer / idle)
             : printf("not measured: its modules do not load | |\n");
    printf("| peak during a full sync of %s elevations | %.1f MiB | | |\n", elevations, peak);
    FILE *json = getenv("BENCH_JSON") ? fopen(getenv("BENCH_JSON"), "we") : NULL;
    if (json) {
        fprintf(json, "{\"idle_mib\": %.2f, \"peer_idle_mib\": %.2f, \"sync_peak_mib\": %.2f, \"elevations\": %s}\n",
                idle, peer, peak, elevations);
        fclose(json);
    }
    return 0;
}
