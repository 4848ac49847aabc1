/* See declared.h. */
#include "tests/support/answers/declared.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cjson/cJSON.h>

#include "tests/support/answers/json_schema.h"
#include "tests/support/answers/operations.h"
#include "tests/support/support.h"

#define BODY_MAX   16384 /* larger ones, and those of more than BODIES_MAX answers, are not held against their schema */
#define BODIES_MAX 400

struct answer {
    char method[8], path[200];
    int status;
    char *body; /* JSON, or NULL */
};
static struct answer *answers;
static size_t count, room, bodies;

static bool is_like(const struct answer *a, const struct answer *b)
{
    return a->status == b->status && strcmp(a->method, b->method) == 0 && strcmp(a->path, b->path) == 0;
}

static bool is_worth_a_look(const char *method, const struct http_reply *reply)
{
    if (!reply->body || strcmp(method, "HEAD") == 0 || bodies >= BODIES_MAX || strlen(reply->body) > BODY_MAX)
        return false;
    return reply->headers && strcasestr(reply->headers, "content-type: application/json") &&
           !strcasestr(reply->headers, "content-encoding:");
}

static void note(const char *method, const char *path, const struct http_reply *reply)
{
    struct answer a = {.status = reply->status};
    snprintf(a.method, sizeof a.method, "%s", strcmp(method, "HEAD") == 0 ? "GET" : method);
    snprintf(a.path, sizeof a.path, "%.*s", (int)strcspn(path, "?"), path);
    if (a.status == 0 || (count > 0 && is_like(&a, &answers[count - 1]))) return;
    if (is_worth_a_look(method, reply)) {
        a.body = strdup(reply->body);
        bodies++;
    }
    if (count == room) {
        room = room ? room * 2 : 256;
        answers = realloc(answers, room * sizeof *answers);
        assert_non_null(answers);
    }
    answers[count++] = a;
}

void declared_note(const char *method, const char *path, const struct http_reply *reply)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* threads of a test call side by side */
    pthread_mutex_lock(&one_at_a_time);
    note(method, path, reply);
    pthread_mutex_unlock(&one_at_a_time);
}

/* "/a/{id}/b" and "/a/7/b"; a slash more at the end makes no difference. */
static bool is_path_of(const char *pattern, const char *path)
{
    for (; *pattern; pattern++) {
        if (*pattern != '{') {
            if (*pattern != *path++) return false;
            continue;
        }
        size_t len = strcspn(path, "/");
        if (len == 0) return false;
        path += len;
        pattern = strchr(pattern, '}');
    }
    return *path == 0 || strcmp(path, "/") == 0;
}

/* Words before parameters: "/a/cached" is not "/a/{id}". NULL: no operation. */
static const cJSON *operation_of(const cJSON *paths, const struct answer *a)
{
    char method[8];
    const cJSON *item, *found = NULL;
    snprintf(method, sizeof method, "%s", a->method);
    for (char *p = method; *p; p++) *p = (char)tolower(*p);
    cJSON_ArrayForEach(item, paths) {
        const cJSON *operation = cJSON_GetObjectItem(item, method);
        if (!operation || !is_path_of(item->string, a->path)) continue;
        if (!strchr(item->string, '{')) return operation;
        found = operation;
    }
    return found;
}

/* What is wrong with an answer, or NULL. */
static const char *fault_of(const cJSON *document, const struct answer *a, char *why, size_t size)
{
    char status[8];
    const cJSON *operation = operation_of(cJSON_GetObjectItem(document, "paths"), a);
    snprintf(status, sizeof status, "%d", a->status);
    if (!operation) return NULL;
    if (!cJSON_GetObjectItem(cJSON_GetObjectItem(operation, "responses"), status))
        return "which /openapi.json does not declare";
    const cJSON *schema = operations_schema(document, operation, a->status);
    if (!schema || !a->body) return NULL;
    cJSON *value = cJSON_Parse(a->body);
    bool is_good = value && json_schema_valid(document, schema, value, why, size);
    if (!value) snprintf(why, size, "which is not JSON");
    cJSON_Delete(value);
    return is_good ? NULL : why;
}

static void forget(void)
{
    for (size_t i = 0; i < count; i++) free(answers[i].body);
    free(answers);
    answers = NULL;
    count = room = bodies = 0;
}

void declared_check(const char *url)
{
    char where[200], why[400];
    int faults = 0;
    snprintf(where, sizeof where, "%s/openapi.json", url);
    struct http_reply reply = http_get(where);
    cJSON *document = reply.status == 200 ? cJSON_Parse(reply.body) : NULL;
    for (size_t i = 0; document && i < count; i++) {
        const struct answer *a = &answers[i];
        const char *fault = fault_of(document, a, why, sizeof why);
        if (!fault) continue;
        print_error("%s %s was answered %d, %s: %.300s\n", a->method, a->path, a->status, fault,
                    a->body ? a->body : "");
        faults++;
    }
    cJSON_Delete(document);
    http_reply_free(&reply);
    forget();
    if (faults) fail_msg("%d answers are not as declared", faults);
}
