/* A client of the simulator for its tests: one session, calls by path, the way down. Only in a header because each test
 * file is a program of its own. */
#ifndef LOGIKALD_TEST_SIM_H
#define LOGIKALD_TEST_SIM_H

#include "tests/support/support.h"

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"

#define LOGIN          "{\"username\":\"demo\",\"password\":\"demo\",\"erp\":true}"
#define NULL_GUID_TEXT "00000000-0000-0000-0000-000000000000"
#define ANY_GUID       "12345678-1234-4234-8234-123456789abc"

struct client {
    struct sim_server *sim;
    char authorization[128];
};

static inline struct http_reply client_call(struct client *c, const char *method, const char *path, const char *body)
{
    char url[512];
    const char *const headers[] = {"Content-Type: application/json", *c->authorization ? c->authorization : NULL, NULL};
    snprintf(url, sizeof url, "%s%s", c->sim->base_url, path);
    return http_request(method, url, headers, body);
}

static inline int client_status(struct client *c, const char *method, const char *path, const char *body)
{
    struct http_reply r = client_call(c, method, path, body);
    int status = r.status;
    http_reply_free(&r);
    return status;
}

static inline const char *item_text(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsString(item)) fail_msg("no text \"%s\"", name);
    return item->valuestring;
}

static inline void client_login(struct client *c)
{
    *c->authorization = 0;
    struct http_reply r = client_call(c, "POST", "/auth", LOGIN);
    assert_int_equal(r.status, 200);
    cJSON *json = cJSON_Parse(r.body);
    snprintf(c->authorization, sizeof c->authorization, "Authorization: Bearer %s",
             item_text(cJSON_GetObjectItemCaseSensitive(json, "data"), "token"));
    cJSON_Delete(json);
    http_reply_free(&r);
}

/* The "data" of a list; the caller deletes it. */
static inline cJSON *client_list(struct client *c, const char *path)
{
    struct http_reply r = client_call(c, "GET", path, NULL);
    if (r.status != 200) fail_msg("GET %s: %d %s", path, r.status, r.body ? r.body : "");
    cJSON *json = cJSON_Parse(r.body), *data = cJSON_DetachItemFromObjectCaseSensitive(json, "data");
    assert_true(cJSON_IsArray(data));
    cJSON_Delete(json);
    http_reply_free(&r);
    return data;
}

/* {"identifier": object[member]}; the caller frees it. */
static inline char *select_body(const cJSON *object, const char *member)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "identifier", item_text(object, member));
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

/* Selects the first of what is listed: 0 a directory, 1 a project, 2 a phase, 3 an elevation. */
static inline void client_descend(struct client *c, int level)
{
    static const char *const lists[] = {"/directories", "/projects", "/phases", "/elevations"};
    char path[64];
    cJSON *items = client_list(c, lists[level]);
    char *body = select_body(cJSON_GetArrayItem(items, 0), level == 0 ? "path" : "id");
    snprintf(path, sizeof path, "%s/select", lists[level]);
    assert_int_equal(client_status(c, "POST", path, body), 200);
    free(body);
    cJSON_Delete(items);
}

/* Milliseconds that n calls at once take, in one session or (logging in first) in a session each. */
static inline int64_t client_parallel(struct client *c, int n, bool in_one_session)
{
    struct client own[16];
    pid_t pids[16];
    for (int i = 0; i < n; i++) {
        own[i] = *c;
        if (!in_one_session) client_login(&own[i]);
    }
    int64_t start_ms = mono_ms();
    for (int i = 0; i < n; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) _exit(client_status(&own[i], "GET", "/directories", NULL) != 200);
    }
    for (int i = 0; i < n; i++) {
        int status = -1;
        waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    return mono_ms() - start_ms;
}

/* A number at the top level of the statistics. */
static inline int64_t sim_stat(struct sim_server *sim, const char *name)
{
    char *text = sim_get(sim, "/stats");
    cJSON *json = cJSON_Parse(text);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    assert_true(cJSON_IsNumber(item));
    int64_t value = (int64_t)item->valuedouble;
    cJSON_Delete(json);
    free(text);
    return value;
}

/* The bytes of {"data": base64}; the caller frees them. */
static inline unsigned char *decode_data(const char *body, size_t *len)
{
    cJSON *json = cJSON_Parse(body);
    const char *text = item_text(json, "data");
    size_t digits = strlen(text);
    unsigned char *bytes = malloc(digits + 1);
    int n = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)digits);
    assert_true(n > 0);
    *len = (size_t)n - (digits && text[digits - 1] == '=') - (digits > 1 && text[digits - 2] == '=');
    cJSON_Delete(json);
    return bytes;
}

#endif
