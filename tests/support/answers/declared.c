/* See declared.h. */
#include "tests/support/answers/declared.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cjson/cJSON.h>

#include "tests/support/support.h"

static struct answer {
    char method[8], path[200];
    int status;
} * answers;
static size_t count, room;

void declared_note(const char *method, const char *path, int status)
{
    struct answer a = {.status = status};
    snprintf(a.method, sizeof a.method, "%s", strcmp(method, "HEAD") == 0 ? "GET" : method);
    snprintf(a.path, sizeof a.path, "%.*s", (int)strcspn(path, "?"), path);
    if (status == 0 || (count > 0 && memcmp(&a, &answers[count - 1], sizeof a) == 0)) return;
    if (count == room) {
        room = room ? room * 2 : 256;
        answers = realloc(answers, room * sizeof *answers);
        assert_non_null(answers);
    }
    answers[count++] = a;
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

static bool is_declared(const cJSON *paths, const struct answer *a)
{
    char status[8];
    const cJSON *operation = operation_of(paths, a);
    snprintf(status, sizeof status, "%d", a->status);
    return !operation || cJSON_GetObjectItem(cJSON_GetObjectItem(operation, "responses"), status);
}

static void tell(const struct answer *a, int *faults)
{
    print_error("%s %s was answered %d, which /openapi.json does not declare\n", a->method, a->path, a->status);
    ++*faults;
}

void declared_check(const char *url)
{
    char where[200];
    int faults = 0;
    snprintf(where, sizeof where, "%s/openapi.json", url);
    struct http_reply reply = http_get(where);
    cJSON *document = reply.status == 200 ? cJSON_Parse(reply.body) : NULL;
    const cJSON *paths = cJSON_GetObjectItem(document, "paths");
    for (size_t i = 0; paths && i < count; i++)
        if (!is_declared(paths, &answers[i])) tell(&answers[i], &faults);
    cJSON_Delete(document);
    http_reply_free(&reply);
    free(answers);
    answers = NULL;
    count = room = 0;
    if (faults) fail_msg("%d answers are not declared", faults);
}
