/* Deployment files brought to life: see deploy.h. */
#include "tests/support/deploy.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ipc/snapshot.h"
#include "tests/support/support_internal.h"

enum { MOST_ENV = 64, MOST_WORDS = 16 };

void deploy_start(struct deploy *d, const char *file, const char *const sim_args[])
{
    memset(d, 0, sizeof *d);
    char *output = NULL;
    char *const argv[] = {"tests/deploy/spec.py", (char *)file, NULL};
    int status = process_run(argv, NULL, &output);
    d->spec = status == 0 ? cJSON_Parse(output) : NULL;
    if (!d->spec) fail_msg("%s: %s", file, output);
    free(output);
    redis_server_start(&d->redis, NULL);
    pg_start(&d->pg);
    sim_start(&d->sim, sim_args);
}

void deploy_stop(struct deploy *d)
{
    sim_stop(&d->sim);
    redis_server_stop(&d->redis);
    pg_stop(&d->pg);
    cJSON_Delete(d->spec);
    d->spec = NULL;
}

cJSON *deploy_component(struct deploy *d, const char *name)
{
    static const char *const kinds[] = {"services", "workers", "jobs"};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        cJSON *component;
        cJSON_ArrayForEach(component, cJSON_GetObjectItem(d->spec, kinds[k])) {
            if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(component, "name")), name) == 0) return component;
        }
    }
    fail_msg("the spec has no component %s", name);
    return NULL;
}

/* What the platform would put in the place of a binding, or the operator into an empty secret. */
static const char *bound(struct deploy *d, const char *key, const char *value)
{
    if (value && strcmp(value, "${logikal-redis.DATABASE_URL}") == 0) return d->redis.url; /* of any kind of database */
    if (value && strcmp(value, "${logikal-db.DATABASE_URL}") == 0) return d->pg.url;
    if (value) return value;
    if (strcmp(key, "LOGIKAL_API_BASE_URL") == 0) return d->sim.base_url;
    if (strncmp(key, "LOGIKAL_AUTH_", 13) == 0) return "demo";
    return DEPLOY_SECRET;
}

struct list {
    char *entries[MOST_ENV + 1];
    int count;
};

static void list_put(struct list *l, const char *entry)
{
    size_t name = strcspn(entry, "=") + 1;
    int at = 0;
    while (at < l->count && strncmp(l->entries[at], entry, name) != 0) at++;
    assert_true(at < MOST_ENV);
    free(l->entries[at]);
    l->entries[at] = strdup(entry);
    if (at == l->count) l->count++;
}

static void list_envs(struct list *l, struct deploy *d, const cJSON *owner)
{
    const cJSON *env;
    cJSON_ArrayForEach(env, cJSON_GetObjectItem(owner, "envs")) {
        char entry[1024];
        const char *key = cJSON_GetStringValue(cJSON_GetObjectItem(env, "key"));
        const char *value = cJSON_GetStringValue(cJSON_GetObjectItem(env, "value"));
        support_format(entry, sizeof entry, "%s=%s", key, bound(d, key, value));
        list_put(l, entry);
    }
}

void deploy_run(struct deploy *d, const char *name, struct instance *i, const char *const changes[])
{
    static int count;
    memset(i, 0, sizeof *i);
    cJSON *component = deploy_component(d, name);
    struct list env = {0};
    list_envs(&env, d, d->spec);
    list_envs(&env, d, component);

    i->port = support_free_port();
    support_format(i->run_dir, sizeof i->run_dir, "%s/i%d", support_dir(), ++count);
    assert_int_equal(mkdir(i->run_dir, 0700), 0);
    char entry[300];
    support_format(entry, sizeof entry, "LOGIKALD_RUN_DIR=%s", i->run_dir);
    list_put(&env, entry);
    support_format(entry, sizeof entry, "PORT=%d", i->port);
    list_put(&env, entry);
    for (; changes && *changes; changes++) list_put(&env, *changes);

    char command[256], *argv[MOST_WORDS + 1] = {0}, *rest = NULL;
    support_format(command, sizeof command, "%s", cJSON_GetStringValue(cJSON_GetObjectItem(component, "run_command")));
    int words = 0;
    for (char *w = strtok_r(command, " ", &rest); w && words < MOST_WORDS; w = strtok_r(NULL, " ", &rest))
        argv[words++] = w;
    argv[0] = (char *)support_program(argv[0]);
    char shell[700];
    support_format(shell, sizeof shell, "%sexec \"$0\" \"$@\"", d->before ? d->before : "");
    char *through[MOST_WORDS + 4] = {"sh", "-c", shell};
    for (int w = 0; w < words; w++) through[3 + w] = argv[w];
    process_start(&i->process, name, through, env.entries);
    for (int e = 0; e < env.count; e++) free(env.entries[e]);
}

void deploy_end(struct deploy *d, const char *name, struct instance *i)
{
    cJSON *termination = cJSON_GetObjectItem(deploy_component(d, name), "termination");
    int grace_s = cJSON_GetObjectItem(termination, "grace_period_seconds")->valueint;
    process_signal(&i->process, SIGTERM);
    int status = process_wait(&i->process, grace_s * 1000);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    char *log = process_log(&i->process);
    print_message("%s\n", log);
    free(log);
    fail_msg("%s ended with wait status %#x", name, (unsigned)status);
}

int deploy_health(struct deploy *d, const char *name, struct instance *i, const char *check)
{
    char url[256];
    cJSON *health = cJSON_GetObjectItem(deploy_component(d, name), check);
    support_format(url, sizeof url, "http://127.0.0.1:%d%s", i->port,
                   cJSON_GetStringValue(cJSON_GetObjectItem(health, "http_path")));
    struct http_reply reply = http_get(url);
    int status = reply.status;
    http_reply_free(&reply);
    return status;
}

int64_t deploy_pss(struct instance *i)
{
    struct snapshot *shot = test_malloc(sizeof *shot);
    int64_t sum = 0;
    if (snapshot_read(i->run_dir, shot, NULL) == 0) {
        sum = shot->pss_bytes;
        for (int c = 0; c < shot->count; c++) sum += shot->children[c].pss_bytes;
    }
    test_free(shot);
    return sum;
}

bool deploy_kill(struct instance *i, const char *role)
{
    struct snapshot *shot = test_malloc(sizeof *shot);
    bool is_done = false;
    if (snapshot_read(i->run_dir, shot, NULL) == 0)
        for (int c = 0; c < shot->count; c++)
            if (strcmp(shot->children[c].role, role) == 0 && shot->children[c].is_ready)
                is_done = kill(shot->children[c].pid, SIGKILL) == 0 || is_done;
    test_free(shot);
    return is_done;
}

/* POSTs JSON and returns a text of the answer; fails the test unless it is there. */
static char *post(struct instance *i, const char *path, const char *bearer, const char *body, const char *field)
{
    char url[200], authorization[2200];
    support_format(url, sizeof url, "http://127.0.0.1:%d%s", i->port, path);
    support_format(authorization, sizeof authorization, "Authorization: Bearer %s", bearer);
    const char *const headers[] = {"Content-Type: application/json", bearer[0] ? authorization : NULL, NULL};
    struct http_reply reply = http_request("POST", url, headers, body);
    cJSON *json = reply.body ? cJSON_Parse(reply.body) : NULL;
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(json, field));
    if (!text) fail_msg("POST %s answered %d: %s", path, reply.status, reply.body ? reply.body : "");
    char *copy = text ? strdup(text) : NULL;
    cJSON_Delete(json);
    http_reply_free(&reply);
    return copy;
}

char *deploy_token(struct instance *i)
{
    static int count;
    char body[400];
    char *admin = post(i, "/api/v1/admin/login", "", "{\"username\":\"admin\",\"password\":\"" DEPLOY_SECRET "\"}",
                       "access_token");
    support_format(body, sizeof body,
                   "{\"client_id\":\"reader-%d\",\"name\":\"reader\",\"rate_limit_per_hour\":10000000,"
                   "\"permissions\":[\"projects:read\",\"elevations:read\"]}",
                   ++count);
    char *secret = post(i, "/api/v1/client-auth/register", admin, body, "client_secret");
    support_format(body, sizeof body, "{\"client_id\":\"reader-%d\",\"client_secret\":\"%s\"}", count, secret);
    char *token = post(i, "/api/v1/client-auth/login", "", body, "access_token");
    free(admin);
    free(secret);
    return token;
}
