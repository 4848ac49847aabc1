/* A copy of all objects: see copy.h. */
#include "tests/support/copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/feed.h"

static struct http_reply ask(const char *path)
{
    char full[4500];
    snprintf(full, sizeof full, "/api/v1/changes%s", path);
    struct http_reply reply = web_call(&feed.web, "GET", full, feed.token, NULL);
    if (reply.status != 200) fail_msg("%s: %s", full, reply.body);
    return reply;
}

static void key_of(const cJSON *object, char key[100])
{
    snprintf(key, 100, "%s/%d", feed_text(object, "type"), cJSON_GetObjectItem(object, "id")->valueint);
}

static bool is_ours(const struct copy *c, const cJSON *object)
{
    const char *of = feed_text(object, "project_logikal_id");
    return !c->project || (of && strcmp(of, c->project) == 0);
}

static cJSON *snapshot(const struct copy *c, char cursor[4200])
{
    char path[300], key[100];
    cJSON *objects = cJSON_CreateObject();
    snprintf(path, sizeof path, "/snapshot?types=%s", c->types);
    struct http_reply reply = ask(path);
    for (char *save = NULL, *line = strtok_r(reply.body, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        cJSON *object = cJSON_Parse(line);
        if (feed_text(object, "next")) {
            snprintf(cursor, 4200, "%s", feed_text(object, "next"));
        } else if (is_ours(c, object)) {
            key_of(object, key);
            cJSON_AddItemToObject(objects, key, cJSON_DetachItemFromObject(object, "fields"));
        }
        cJSON_Delete(object);
    }
    http_reply_free(&reply);
    return objects;
}

static void apply(struct copy *c, const cJSON *change)
{
    char key[100];
    const char *operation = feed_text(change, "operation");
    const cJSON *object = cJSON_GetObjectItem(change, "object"), *field;
    bool is_gone = strcmp(operation, "vanished") == 0 || strcmp(operation, "deleted") == 0 || !is_ours(c, change);
    key_of(change, key);
    if (is_gone || object) cJSON_DeleteItemFromObject(c->objects, key);
    if (is_gone) return;
    cJSON *mine = cJSON_GetObjectItem(c->objects, key);
    if (object)
        cJSON_AddItemToObject(c->objects, key, cJSON_Duplicate(object, true));
    else if (mine)
        cJSON_ArrayForEach(field, cJSON_GetObjectItem(change, "fields"))
            cJSON_ReplaceItemInObject(mine, field->string, cJSON_Duplicate(cJSON_GetObjectItem(field, "after"), true));
}

static void take_changes(struct copy *c)
{
    char path[4500];
    snprintf(path, sizeof path, "?since=%s&types=%s%s%s", c->cursor, c->types, c->project ? "&project=" : "",
             c->project ? c->project : "");
    struct http_reply reply = ask(path);
    cJSON *page = cJSON_Parse(reply.body), *change;
    cJSON_ArrayForEach(change, cJSON_GetObjectItem(page, "changes")) apply(c, change);
    snprintf(c->cursor, sizeof c->cursor, "%s", feed_text(page, "next"));
    cJSON_Delete(page);
    http_reply_free(&reply);
}

/* In which a new snapshot has something else; NULL: in nothing. */
static const char *differs(const struct copy *c)
{
    static char cursor[4200], out[4200];
    cJSON *there = snapshot(c, cursor), *object;
    out[0] = 0;
    if (cJSON_GetArraySize(c->objects) != cJSON_GetArraySize(there)) snprintf(out, sizeof out, "another number");
    cJSON_ArrayForEach(object, there) {
        const cJSON *mine = cJSON_GetObjectItem(c->objects, object->string);
        if (cJSON_Compare(mine, object, true)) continue;
        char *is = mine ? cJSON_PrintUnformatted(mine) : NULL, *wanted = cJSON_PrintUnformatted(object);
        snprintf(out, sizeof out, "%s is %s and not %s", object->string, is ? is : "missing", wanted);
        free(is);
        free(wanted);
        break;
    }
    cJSON_Delete(there);
    return *out ? out : NULL;
}

void copy_begin(struct copy *c)
{
    c->objects = snapshot(c, c->cursor);
}

void copy_follow(struct copy *c, const char *after)
{
    int64_t deadline = support_patience(20000);
    const char *what;
    /* a transaction that runs somewhere holds changes back */
    while (take_changes(c), (what = differs(c)) != NULL) {
        if (support_late(deadline)) fail_msg("after %s: %s", after, what);
        support_pause();
    }
}

void copy_end(struct copy *c)
{
    cJSON_Delete(c->objects);
    c->objects = NULL;
}
