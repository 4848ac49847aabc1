/* See operation_round.h. */
#include "tests/support/answers/operation_round.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/answers/json_schema.h"
#include "tests/support/answers/operation_calls.h"
#include "tests/support/answers/operations.h"
#include "tests/support/test.h"

struct place {
    const char *project, *phase;
};

static void replace(char *text, size_t size, const char *what, const char *with)
{
    char *at = strstr(text, what);
    if (!at) return;
    char *rest = strdup(at + strlen(what));
    snprintf(at, size - (size_t)(at - text), "%s%s", with, rest);
    free(rest);
}

/* Path and body of a call: parameters get values that exist. */
static void fill(const struct place *place, const char *pattern, const struct operation_call *c, char *path, char *body,
                 size_t size)
{
    snprintf(path, size, "%s", c && c->path ? c->path : pattern);
    snprintf(body, size, "%s", c && c->body ? c->body : "");
    replace(path, size, "{project_id}", place->project);
    replace(path, size, "{project}", place->project);
    replace(body, size, "{project}", place->project);
    replace(path, size, "{phase}", place->phase);
    for (char *open; (open = strchr(path, '{')) != NULL;) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(strchr(open, '}') - open + 1), open);
        replace(path, size, name, "1");
    }
}

void operations_each(const cJSON *document, const char *project, const char *phase, operation_fn fn)
{
    const struct place place = {project, phase};
    const cJSON *paths = cJSON_GetObjectItem(document, "paths");
    int count = 0;
    for (const cJSON *item = paths->child; item; item = item->next)
        for (const cJSON *o = item->child; o; o = o->next, count++) {
            char path[512], body[512], method[8];
            const char *id = cJSON_GetObjectItem(o, "operationId")->valuestring;
            const cJSON *ok = cJSON_GetObjectItem(cJSON_GetObjectItem(o, "responses"), "200");
            if (cJSON_GetObjectItem(cJSON_GetObjectItem(ok, "content"), "text/event-stream")) continue; /* never ends */
            snprintf(method, sizeof method, "%s", o->string);
            for (char *p = method; *p; p++) *p -= 32;
            fill(&place, item->string, operation_call_of(id), path, body, sizeof path);
            if (!strchr(path, '?')) operations_query(o, path, sizeof path); /* the call has them already */
            fn(method, path, *body ? body : NULL, o);
        }
    assert_true(count > 130);
}

void operations_validate(const cJSON *document, const char *what, int status, const char *body, const cJSON *operation)
{
    char why[300];
    const cJSON *schema = operations_schema(document, operation, status);
    if (!schema) return;
    cJSON *json = cJSON_Parse(body);
    if (!json) fail_msg("%s: %d is not JSON: %.200s", what, status, body);
    if (!json_schema_valid(document, schema, json, why, sizeof why))
        fail_msg("%s: %d: %s in %.600s", what, status, why, body);
    cJSON_Delete(json);
}
