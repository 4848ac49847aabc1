/* See hooks.h. */
#include "tests/support/servers/hooks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_up(struct receiver *r)
{
    char path[300], text[16] = "", url[80];
    if (!process_running(&r->process)) {
        char *log = process_log(&r->process);
        fail_msg("the receiver ended: %s", log);
    }
    snprintf(path, sizeof path, "%s/port", r->dir);
    FILE *f = fopen(path, "re");
    if (!f) return false;
    if (!fgets(text, sizeof text, f)) text[0] = 0;
    fclose(f);
    snprintf(r->url, sizeof r->url, "%s://127.0.0.1:%d", r->certificate ? "https" : "http", atoi(text));
    if (r->certificate) return *text != 0;
    snprintf(url, sizeof url, "%s/", r->url);
    struct http_reply reply = http_get(url);
    bool answers = reply.status == 200;
    http_reply_free(&reply);
    return answers;
}

void receiver_start(struct receiver *r)
{
    static int count;
    if (!*r->dir) {
        snprintf(r->dir, sizeof r->dir, "%.200s/receiver-%d", support_dir(), count++);
        assert_int_equal(mkdir(r->dir, 0700), 0);
    }
    char *argv[] = {
        "/usr/bin/python3", "tests/hooks/receiver.py", r->dir, (char *)r->certificate, (char *)r->key, NULL};
    process_start(&r->process, "receiver", argv, (char *[]){NULL});
    WAIT_UNTIL(is_up(r), 30000);
}

void receiver_kill(struct receiver *r)
{
    process_signal(&r->process, SIGKILL);
    process_wait(&r->process, 10000);
}

cJSON *receiver_got(const struct receiver *r, const char *path)
{
    char file[300], *line = NULL;
    size_t size = 0;
    cJSON *out = cJSON_CreateArray();
    snprintf(file, sizeof file, "%s/log", r->dir);
    FILE *f = fopen(file, "re");
    while (f && getline(&line, &size, f) > 0) {
        cJSON *request = cJSON_Parse(line);
        const char *is_of = cJSON_GetStringValue(cJSON_GetObjectItem(request, "path"));
        if (is_of && strcmp(is_of, path) == 0)
            cJSON_AddItemToArray(out, request);
        else
            cJSON_Delete(request);
    }
    free(line);
    if (f) fclose(f);
    return out;
}

int receiver_count(const struct receiver *r, const char *path)
{
    cJSON *got = receiver_got(r, path);
    int count = cJSON_GetArraySize(got);
    cJSON_Delete(got);
    return count;
}

/* Not what tells that it is up. */
static void drop_gets(const struct receiver *r, char log[300])
{
    char from[300], *line = NULL;
    size_t size = 0;
    snprintf(from, sizeof from, "%s/log", r->dir);
    snprintf(log, 300, "%.280s/posts", r->dir);
    FILE *in = fopen(from, "re"), *out = fopen(log, "we");
    assert_true(in && out);
    while (getline(&line, &size, in) > 0)
        if (strstr(line, "\"webhook-id\"")) fputs(line, out);
    free(line);
    fclose(in);
    fclose(out);
}

void receiver_verify(const struct receiver *r, const char *const secrets[])
{
    static const char *const programs[][2] = {{"/usr/bin/python3", "tests/hooks/hmac_check.py"},
                                              {"node", "tests/hooks/verify.mjs"}};
    char log[300];
    if (access("node_modules/standardwebhooks", F_OK) != 0) fail_msg("npm's packages are missing: npm ci");
    drop_gets(r, log);
    for (int i = 0; i < 2; i++) {
        char *argv[8] = {(char *)programs[i][0], (char *)programs[i][1], log}, *output = NULL;
        for (int k = 0; secrets[k] && k < 4; k++) argv[3 + k] = (char *)secrets[k];
        int status = process_run(argv, (char *[]){NULL}, &output);
        if (status != 0) fail_msg("%s: %s", programs[i][1], output);
        free(output);
    }
}

char *receiver_forged(const struct receiver *r, const char *secret, int clock_seconds)
{
    char log[300], clock[40];
    char *argv[] = {"/usr/bin/python3", "tests/hooks/hmac_check.py", log, (char *)secret, NULL}, *output = NULL;
    drop_gets(r, log);
    snprintf(clock, sizeof clock, "HMAC_CLOCK_SECONDS=%d", clock_seconds);
    if (process_run(argv, (char *[]){clock, NULL}, &output) == 0) output[0] = 0;
    return output;
}
