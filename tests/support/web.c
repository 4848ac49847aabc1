/* A web role of the test's own: see web.h. */
#include "tests/support/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <cjson/cJSON.h>

#include "tests/support/answers/declared.h"

void web_migrate(struct web_server *w)
{
    char url[300], *output = NULL;
    snprintf(url, sizeof url, "DATABASE_URL=%s", w->pg.url);
    char *argv[] = {(char *)support_program("logikald-roles"), "migrate", NULL};
    int status = process_run(argv, (char *const[]){url, NULL}, &output);
    if (status != 0) fail_msg("migrate: %s", output);
    free(output);
}

void web_servers(struct web_server *w)
{
    pg_start(&w->pg);
    web_migrate(w);
}

static bool answers(struct web_server *w)
{
    if (!process_running(&w->process)) {
        char *log = process_log(&w->process);
        fail_msg("web ended: %s", log);
    }
    return web_status(w, "GET", "/health", NULL, NULL) == 200;
}

static bool is_ready(struct web_server *w)
{
    return web_status(w, "GET", "/api/v1/health/ready", NULL, NULL) == 200;
}

static void run(struct web_server *w, const char *const extra[], bool with_database)
{
    static char database[300], port[32], run_dir[300];
    char *env[48] = {port,
                     run_dir,
                     "HOST=127.0.0.1",
                     "ADMIN_PASSWORD=" WEB_ADMIN_PASSWORD,
                     "SECRET_KEY=0123456789abcdef0123456789abcdef",
                     "JWT_SECRET_KEY=fedcba9876543210fedcba9876543210",
                     "RATE_LIMIT_PER_MINUTE=0", /* the last of a name counts: what the test says */
                     "RATE_LIMIT_PER_HOUR=0"};
    int n = 8;
    w->port = support_free_port();
    snprintf(w->url, sizeof w->url, "http://127.0.0.1:%d", w->port);
    snprintf(port, sizeof port, "PORT=%d", w->port);
    snprintf(run_dir, sizeof run_dir, "LOGIKALD_RUN_DIR=%.200s/run", support_dir());
    snprintf(database, sizeof database, "DATABASE_URL=%s", w->pg.url);
    if (with_database) env[n++] = database;
    for (; extra && *extra && n < 46; extra++) env[n++] = (char *)*extra;
    char *argv[] = {(char *)support_program("logikald-roles"), "web", NULL};
    process_start(&w->process, "web", argv, env);
    WAIT_UNTIL(answers(w), 15000);
}

void web_run(struct web_server *w, const char *const extra[], bool with_database)
{
    run(w, extra, with_database);
    if (with_database) WAIT_UNTIL(is_ready(w), 15000);
}

void web_run_unready(struct web_server *w, const char *const extra[])
{
    run(w, extra, true);
}

void web_run_on(struct web_server *w, struct sim_server *sim, const char *const arguments[], const char *const extra[])
{
    static char base_url[200];
    const char *env[40] = {base_url, "LOGIKAL_AUTH_USERNAME=demo", "LOGIKAL_AUTH_PASSWORD=demo"};
    sim_start(sim, arguments);
    snprintf(base_url, sizeof base_url, "LOGIKAL_API_BASE_URL=%s", sim->base_url);
    for (int n = 3; extra && *extra && n < 39;) env[n++] = *extra++;
    web_run(w, env, true);
    web_log_in(w);
}

int web_connect(struct web_server *w)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)w->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

void web_stop(struct web_server *w)
{
    process_signal(&w->process, 15);
    int status = process_wait(&w->process, 30000);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        char *log = process_log(&w->process);
        fail_msg("web ended with wait status %d: %s", status, log);
    }
}

void web_end(struct web_server *w)
{
    if (process_running(&w->process)) {
        declared_check(w->url);
        web_stop(w);
    }
    pg_stop(&w->pg);
}

static struct http_reply request(struct web_server *w, const char *method, const char *path, const char *token,
                                 const char *header, const char *body)
{
    char url[5000], bearer[9000];
    const char *headers[3] = {NULL};
    int n = 0;
    snprintf(url, sizeof url, "%s%s", w->url, path);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token ? token : "");
    if (token) headers[n++] = bearer;
    if (header) headers[n++] = header;
    struct http_reply reply = http_request(method, url, headers, body);
    declared_note(method, path, &reply);
    return reply;
}

struct http_reply web_call(struct web_server *w, const char *method, const char *path, const char *token,
                           const char *body)
{
    return request(w, method, path, token, body ? "Content-Type: application/json" : NULL, body);
}

struct http_reply web_ask(struct web_server *w, const char *method, const char *path, const char *token,
                          const char *header)
{
    return request(w, method, path, token, header, NULL);
}

int web_status(struct web_server *w, const char *method, const char *path, const char *token, const char *body)
{
    struct http_reply reply = web_call(w, method, path, token, body);
    int status = reply.status;
    http_reply_free(&reply);
    return status;
}

char *web_member(const char *json, const char *name)
{
    cJSON *object = cJSON_Parse(json ? json : "");
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!member) fail_msg("no member %s in: %.300s", name, json ? json : "(nothing)");
    char *out = member && cJSON_IsString(member) ? strdup(member->valuestring) : cJSON_PrintUnformatted(member);
    cJSON_Delete(object);
    return out;
}

void web_log_in(struct web_server *w)
{
    struct http_reply reply = web_call(w, "POST", "/api/v1/admin/login", NULL,
                                       "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}");
    assert_int_equal(reply.status, 200);
    char *token = web_member(reply.body, "access_token");
    snprintf(w->admin, sizeof w->admin, "%s", token);
    free(token);
    http_reply_free(&reply);
}

char *web_client(struct web_server *w, const char *client_id, const char *permissions)
{
    char body[4096];
    snprintf(body, sizeof body,
             "{\"client_id\":\"%s\",\"name\":\"%s\",\"permissions\":%s,\"rate_limit_per_hour\":10000000}", client_id,
             client_id, permissions);
    struct http_reply reply = web_call(w, "POST", "/api/v1/client-auth/register", w->admin, body);
    if (reply.status != 200) fail_msg("register %s: %d %s", client_id, reply.status, reply.body);
    char *secret = web_member(reply.body, "client_secret");
    http_reply_free(&reply);
    snprintf(body, sizeof body, "{\"client_id\":\"%s\",\"client_secret\":\"%s\"}", client_id, secret);
    reply = web_call(w, "POST", "/api/v1/client-auth/login", NULL, body);
    if (reply.status != 200) fail_msg("login %s: %d %s", client_id, reply.status, reply.body);
    char *token = web_member(reply.body, "access_token");
    http_reply_free(&reply);
    free(secret);
    return token;
}
