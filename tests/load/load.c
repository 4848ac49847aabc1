/* The clients as processes, and what they have in common: see load.h and client.h. */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"
#include "tests/load/client.h"
#include "tests/support/support_internal.h"
#include "tests/support/web.h"

const char *const load_names[LOAD_KINDS] = {"reads", "writes", "streams", "forced syncs", "results",
                                            "feed",  "bills",  "files",   "pictures",     "effects"};

static int (*const runs[LOAD_KINDS])(struct load_client *c) = {reader_run, writer_run,   watcher_run, syncer_run,
                                                               adder_run,  follower_run, buyer_run,   buyer_run,
                                                               buyer_run,  effects_run};

/* A client that may read and sync, and an administrator. */
static void log_in(struct load *l)
{
    struct web_server web = {.port = l->sys->port};
    char body[200];
    support_format(body, sizeof body, "{\"username\":\"admin\",\"password\":\"%s\"}",
                   l->password ? l->password : "test-admin-password");
    snprintf(web.url, sizeof web.url, "%s", l->sys->url);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/admin/login", NULL, body);
    if (reply.status != 200) fail_msg("the administrator cannot log in: %d", reply.status);
    char *token = web_member(reply.body, "access_token");
    snprintf(web.admin, sizeof web.admin, "%s", token);
    snprintf(l->admin, sizeof l->admin, "%s", token);
    http_reply_free(&reply);
    free(token);
    token = web_client(&web, "load", "[\"projects:read\",\"elevations:read\",\"sync:write\"]");
    snprintf(l->client, sizeof l->client, "%s", token);
    free(token);
}

void load_open(struct load *l, struct system *sys)
{
    l->sys = sys;
    l->shared = mmap(NULL, sizeof *l->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (l->shared == MAP_FAILED) fail_msg("no shared memory");
    support_format(l->ledger, sizeof l->ledger, "%s/ledger", support_dir());
    support_format(l->feed, sizeof l->feed, "%s/feed", support_dir());
    support_format(l->complaints, sizeof l->complaints, "%s/complaints", support_dir());
    support_format(l->stop_file, sizeof l->stop_file, "%s/stop", support_dir());
    log_in(l);
    load_take_up(l);
}

void load_take_up(struct load *l)
{
    atomic_store(&l->shared->port, l->sys->port);
}

void load_take_down(struct load *l)
{
    atomic_store(&l->shared->port, 0);
}

static pid_t client_start(struct load *l, const struct load_plan *plan, int index)
{
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) fail_msg("fork failed");
    if (pid > 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* it has ended before */
    signal(SIGPIPE, SIG_IGN);
    struct load_client c = {.load = l,
                            .count = &l->shared->of[plan->kind],
                            .kind = plan->kind,
                            .pause_ms = plan->pause_ms,
                            .random = (uint64_t)index * 7919,
                            .complaints = fopen(l->complaints, "ae")};
    _exit(c.complaints ? runs[plan->kind](&c) : 2);
}

void load_start(struct load *l, const struct load_plan plan[])
{
    for (; plan->pause_ms && l->clients < LOAD_CLIENTS; plan++) {
        l->has[plan->kind] = true;
        l->pids[l->clients] = client_start(l, plan, l->clients);
        l->clients++;
    }
}

bool load_stop(struct load *l)
{
    bool is_right = true;
    FILE *stop = fopen(l->stop_file, "we");
    if (stop) fclose(stop);
    for (int i = 0; i < l->clients; i++) {
        int status = 0;
        if (waitpid(l->pids[i], &status, 0) != l->pids[i] || status != 0) is_right = false;
    }
    return is_right;
}

char *load_complaints(struct load *l)
{
    return support_read_file(l->complaints);
}

double load_percentile_ms(const struct load_count *now, const struct load_count *before, double percent)
{
    int64_t total = 0, seen = 0;
    for (int i = 0; i < LOAD_SLOTS; i++) total += now->slots[i] - (before ? before->slots[i] : 0);
    for (int i = 0; i < LOAD_SLOTS; i++) {
        seen += now->slots[i] - (before ? before->slots[i] : 0);
        if ((double)seen > (double)total * percent / 100) return (i + 1) / 10.0;
    }
    return 0;
}

/* ---- for the clients ---- */

bool client_is_over(struct load_client *c)
{
    return access(c->load->stop_file, F_OK) == 0;
}

uint64_t client_random(struct load_client *c, uint64_t below)
{
    uint64_t z = (c->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

void client_pause(struct load_client *c)
{
    for (int64_t end = mono_ms() + c->pause_ms, left; (left = end - mono_ms()) > 0 && !client_is_over(c);)
        usleep((useconds_t)(left < 200 ? left : 200) * 1000);
}

void client_complain(struct load_client *c, const char *fmt, ...)
{
    char text[1000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fprintf(c->complaints, "%s: %s\n", load_names[c->kind], text);
    fflush(c->complaints);
    atomic_fetch_add(&c->count->wrong, 1);
}

void client_served(struct load_client *c, int64_t took_us)
{
    int64_t slot = took_us / 100;
    atomic_fetch_add(&c->count->slots[slot < LOAD_SLOTS ? slot : LOAD_SLOTS - 1], 1);
    atomic_fetch_add(&c->count->served, 1);
}
