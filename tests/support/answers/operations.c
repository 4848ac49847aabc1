/* See operations.h. */
#include "tests/support/answers/operations.h"

#include <stdio.h>
#include <string.h>

cJSON *operations_load(struct web_server *w)
{
    struct http_reply reply = web_call(w, "GET", "/openapi.json", NULL, NULL);
    cJSON *document = cJSON_Parse(reply.body);
    http_reply_free(&reply);
    assert_non_null(document);
    return document;
}

void operations_query(const cJSON *operation, char *path, size_t size)
{
    size_t used = strlen(path);
    const cJSON *p;
    cJSON_ArrayForEach(p, cJSON_GetObjectItem(operation, "parameters")) {
        const cJSON *word = cJSON_GetObjectItem(cJSON_GetObjectItem(p, "schema"), "enum");
        if (strcmp(cJSON_GetObjectItem(p, "in")->valuestring, "query") != 0) continue;
        if (!cJSON_IsTrue(cJSON_GetObjectItem(p, "required"))) continue;
        used += (size_t)snprintf(path + used, size - used, "%c%s=%s", strchr(path, '?') ? '&' : '?',
                                 cJSON_GetObjectItem(p, "name")->valuestring, word ? word->child->valuestring : "1");
    }
}

void operations_path(const char *pattern, const cJSON *operation, char *path, size_t size)
{
    size_t used = 0;
    for (; *pattern; pattern++) {
        bool is_parameter = *pattern == '{';
        if (is_parameter) pattern = strchr(pattern, '}');
        used += (size_t)snprintf(path + used, size - used, "%c", is_parameter ? '1' : *pattern);
    }
    operations_query(operation, path, size);
}

const cJSON *operations_schema(const cJSON *document, const cJSON *operation, int status)
{
    char code[16];
    snprintf(code, sizeof code, "%d", status);
    const cJSON *response = cJSON_GetObjectItem(cJSON_GetObjectItem(operation, "responses"), code);
    const char *shared = cJSON_GetStringValue(cJSON_GetObjectItem(response, "$ref"));
    if (shared)
        response = cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetObjectItem(document, "components"), "responses"),
                                       strrchr(shared, '/') + 1);
    const cJSON *content = cJSON_GetObjectItem(cJSON_GetObjectItem(response, "content"), "application/json");
    return cJSON_GetObjectItem(content, "schema");
}
