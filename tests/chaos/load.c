/* The load: a process that enqueues tasks whose effect can be counted, and writes down each one that Redis accepted;
 * and one that makes HTTP requests and writes down every answer that a client must not get. */
#include "tests/chaos/chaos.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "ipc/queue.h"
#include "tests/support/web.h"

struct sender {
    struct event_base *base;
    struct redis *redis;
    struct queue *queue;
    FILE *ledger;
    const char *stop_file;
};

struct sent {
    struct sender *sender;
    char id[UUID_TEXT_SIZE];
};

static void on_sent(void *arg, const struct err *err)
{
    struct sent *sent = arg;
    if (!err) {
        fprintf(sent->sender->ledger, "%s\n", sent->id);
        fflush(sent->sender->ledger);
    }
    free(sent);
}

static void send_one(struct sender *s)
{
    char key[80];
    struct sent *sent = malloc(sizeof *sent);
    if (!sent) abort();
    sent->sender = s;
    random_uuid4(sent->id);
    snprintf(key, sizeof key, "chaos-effect-%s", sent->id);
    cJSON *args = cJSON_CreateArray();
    cJSON_AddItemToArray(args, cJSON_CreateString(key));
    struct task_options options = {.queue = "sync", .task_id = sent->id};
    if (queue_send(s->queue, "tasks.diagnostics.effect", args, NULL, &options, NULL, on_sent, sent, NULL) != 0)
        free(sent);
    cJSON_Delete(args);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct sender *s = arg;
    if (access(s->stop_file, F_OK) == 0)
        event_base_loopexit(s->base, &(struct timeval){.tv_sec = 1}); /* answers still on their way */
    else if (redis_is_up(s->redis))
        send_one(s);
}

static int send_tasks(struct chaos *c)
{
    struct err err = {0};
    struct redis_url url;
    setenv("REDIS_URL", c->sys.redis.url, 1);
    struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
    if (!conf || redis_url_from_conf(conf, &url, &err) != 0) return 2;
    struct sender s = {.base = event_base_new(), .ledger = fopen(c->ledger, "we"), .stop_file = c->stop_file};
    s.redis = redis_new(s.base, &url, "chaos", &err);
    s.queue = queue_new(s.base, s.redis, conf, &err);
    if (!s.ledger || !s.queue) return 2;
    redis_start(s.redis);
    struct event *tick = event_new(s.base, -1, EV_PERSIST, on_tick, &s);
    event_add(tick, &(struct timeval){.tv_usec = 10000});
    event_base_dispatch(s.base);
    fclose(s.ledger);
    return 0;
}

static const struct page {
    const char *path;
    enum { OPEN, FOR_CLIENTS, FOR_ADMINS } access;
} pages[] = {{"/health", OPEN},
             {"/api/v1/health", OPEN},
             {"/api/v1/health/ready", OPEN},
             {"/metrics", FOR_ADMINS},
             {"/api/v1/admin/sync-intervals/", FOR_ADMINS},
             {"/api/v1/projects/", FOR_CLIENTS}};
enum { PAGES = sizeof pages / sizeof *pages };

/* What may be seen: an answer, by those who may have it; 401 without a token, or with one that the clock has outrun;
 * 403 for a client at what is the administrator's; a 5xx with its reason; or a connection that broke while it was being
 * served. */
static void judge(FILE *log, const struct page *page, bool is_client, const struct http_reply *reply)
{
    int status = reply->status;
    bool may_have = page->access == OPEN || (page->access == FOR_CLIENTS && is_client);
    bool is_refused_rightly =
        page->access != OPEN && (status == 401 || (status == 403 && is_client && page->access == FOR_ADMINS));
    const char *body = reply->body ? reply->body : "", *who = is_client ? "a client" : "a stranger";
    if (status >= 500 && !strstr(body, "detail") && !strstr(page->path, "health"))
        fprintf(log, "%s: %d without a reason: %.200s\n", page->path, status, body);
    else if (status >= 400 && status < 500 && !is_refused_rightly)
        fprintf(log, "%s for %s: %d: %.200s\n", page->path, who, status, body);
    else if (status >= 200 && status < 300 && !may_have)
        fprintf(log, "%s was served to %s\n", page->path, who);
    fflush(log);
}

static int request_pages(struct chaos *c)
{
    char bearer[1100];
    FILE *log = fopen(c->http_log, "we");
    if (!log) return 2;
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", c->token);
    for (unsigned i = 0; access(c->stop_file, F_OK) != 0; i++) {
        char url[200];
        int port = atomic_load(&c->shared->port);
        const struct page *page = &pages[i % PAGES];
        bool is_client = i / PAGES % 2;
        if (port) {
            snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, page->path);
            struct http_reply reply =
                http_request("GET", url, (const char *const[]){is_client ? bearer : NULL, NULL}, NULL);
            judge(log, page, is_client, &reply);
            atomic_fetch_add(&c->shared->requests, reply.status != 0);
            atomic_fetch_add(&c->shared->served, is_client && reply.status == 200 && page->access == FOR_CLIENTS);
            atomic_fetch_add(&c->shared->broken, reply.status == 0 && port == atomic_load(&c->shared->port));
            http_reply_free(&reply);
        }
        support_pause();
    }
    fclose(log);
    return 0;
}

/* A client that may read, for the requests. */
static void register_client(struct chaos *c)
{
    struct web_server web = {.port = c->sys.port};
    char body[] = "{\"username\":\"admin\",\"password\":\"test-admin-password\"}";
    snprintf(web.url, sizeof web.url, "%s", c->sys.url);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/admin/login", NULL, body);
    char *token = reply.status == 200 ? web_member(reply.body, "access_token") : NULL;
    if (!token) chaos_fail(c, "the administrator cannot log in: %d", reply.status);
    snprintf(web.admin, sizeof web.admin, "%s", token);
    http_reply_free(&reply);
    free(token);
    token = web_client(&web, "chaos", "[\"projects:read\"]");
    snprintf(c->token, sizeof c->token, "%s", token);
    free(token);
}

static pid_t run(struct chaos *c, int (*work)(struct chaos *c))
{
    pid_t pid = fork();
    if (pid < 0) chaos_fail(c, "fork failed");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        _exit(work(c));
    }
    return pid;
}

void load_start(struct chaos *c)
{
    snprintf(c->ledger, sizeof c->ledger, "%.250s/ledger", support_dir());
    snprintf(c->http_log, sizeof c->http_log, "%.250s/http", support_dir());
    snprintf(c->stop_file, sizeof c->stop_file, "%.250s/stop", support_dir());
    register_client(c);
    c->load[0] = run(c, send_tasks);
    c->load[1] = run(c, request_pages);
}

void load_stop(struct chaos *c)
{
    FILE *stop = fopen(c->stop_file, "we");
    if (stop) fclose(stop);
    for (int i = 0; i < 2; i++) {
        int status = 0;
        if (waitpid(c->load[i], &status, 0) != c->load[i] || status != 0)
            chaos_fail(c, "load process %d ended with wait status %#x", i, (unsigned)status);
    }
}
