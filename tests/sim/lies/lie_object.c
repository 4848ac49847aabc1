/* Lies about the objects in a listing, their identifiers and members: see lie_edits.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/identifier.h"
#include "tests/sim/lies/lie_edits.h"

static cJSON *data_of(const cJSON *answer)
{
    return cJSON_GetObjectItemCaseSensitive(answer, "data");
}

static const char *id_name(const struct call *call)
{
    return call->route->endpoint == EP_DIRECTORIES ? "path" : "id";
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text ? text : "";
}

static void set_text(cJSON *object, const char *name, const char *text)
{
    cJSON_ReplaceItemInObjectCaseSensitive(object, name, cJSON_CreateString(text));
}

/* Sets a member to these bytes, JSON or not; "" takes it away. */
static void set_raw(cJSON *object, const char *name, const char *raw)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    if (*raw) cJSON_AddItemToObject(object, name, cJSON_CreateRaw(raw));
}

void lie_tenant(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)lie;
    cJSON *object;
    cJSON_ArrayForEach(object, data_of(answer)) {
        char id[IDENTIFIER_SIZE];
        identifier_read(text_of(object, id_name(call)), id);
        tenant_translate(id);
        set_text(object, id_name(call), id);
    }
}

void lie_swapped(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)lie;
    cJSON *a = cJSON_GetArrayItem(data_of(answer), 0), *b = cJSON_GetArrayItem(data_of(answer), 1);
    if (!b || strcmp(text_of(a, "id"), NULL_GUID) == 0) return;
    char *id = strdup(text_of(a, id_name(call)));
    if (!id) abort();
    set_text(a, id_name(call), text_of(b, id_name(call)));
    set_text(b, id_name(call), id);
    free(id);
}

void lie_same_id(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)lie;
    cJSON *a = cJSON_GetArrayItem(data_of(answer), 0), *b = cJSON_GetArrayItem(data_of(answer), 1);
    if (b) set_text(b, id_name(call), text_of(a, id_name(call)));
}

void lie_id_form(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call;
    cJSON *object;
    cJSON_ArrayForEach(object, data_of(answer)) {
        struct buf form = {0};
        bool is_bare = strcmp(lie->value, "digits") == 0, is_braced = strcmp(lie->value, "braces") == 0;
        if (is_braced) buf_char(&form, '{');
        for (const char *p = text_of(object, "id"); *p; p++)
            if (!is_bare || *p != '-') buf_char(&form, (char)(is_bare ? *p : toupper((unsigned char)*p)));
        if (is_braced) buf_char(&form, '}');
        set_text(object, "id", form.data);
        buf_free(&form);
    }
}

void lie_id(struct call *call, const struct lie *lie, cJSON *answer)
{
    cJSON *first = cJSON_GetArrayItem(data_of(answer), 0);
    if (first) set_raw(first, id_name(call), lie->value);
}

void lie_id_long(struct call *call, const struct lie *lie, cJSON *answer)
{
    cJSON *first = cJSON_GetArrayItem(data_of(answer), 0);
    struct buf id = {0};
    for (int i = 0; i < lie->number; i++) buf_str(&id, lie->value);
    if (first) set_text(first, id_name(call), id.data);
    buf_free(&id);
}

void lie_member(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call;
    cJSON *first = cJSON_GetArrayItem(data_of(answer), 0);
    if (first) set_raw(first, lie->member, lie->value);
}

void lie_member_all(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call;
    cJSON *object;
    cJSON_ArrayForEach(object, data_of(answer)) {
        if (cJSON_HasObjectItem(object, lie->member)) set_raw(object, lie->member, lie->value);
    }
}

void lie_member_name(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call;
    cJSON *first = cJSON_GetArrayItem(data_of(answer), 0);
    char *name = first ? cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(first, "name")) : NULL;
    if (!name) return;
    struct buf raw = {0};
    buf_add(&raw, name, strlen(name) - 1); /* without the closing quote */
    buf_printf(&raw, "%s\"", lie->value);
    set_raw(first, "name", raw.data);
    buf_free(&raw);
    free(name);
}

void lie_name_of(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call;
    cJSON *first = cJSON_GetArrayItem(data_of(answer), 0);
    struct buf name = {0};
    for (int i = 0; i < lie->number; i++) buf_str(&name, lie->value);
    if (first) set_text(first, "name", name.data);
    buf_free(&name);
}

void lie_large(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call;
    cJSON *first = cJSON_GetArrayItem(data_of(answer), 0);
    struct buf text = {0};
    buf_char(&text, '"');
    for (int i = 0; i < lie->number * 32; i++) buf_str(&text, "Vorschau in base64, ganz lang ..");
    buf_char(&text, '"');
    if (first) set_raw(first, "preview", text.data);
    buf_free(&text);
}

void lie_nested(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call;
    cJSON *first = cJSON_GetArrayItem(data_of(answer), 0);
    struct buf text = {0};
    for (int i = 0; i < lie->number; i++) buf_char(&text, '[');
    for (int i = 0; i < lie->number; i++) buf_char(&text, ']');
    if (first) set_raw(first, "tree", text.data);
    buf_free(&text);
}

void lie_extra(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call, (void)lie;
    cJSON *object;
    cJSON_ArrayForEach(object, data_of(answer)) {
        set_raw(object, "Id", "12");
        set_raw(object, "links", "[{\"rel\":\"self\",\"href\":\"x\"},[[[]]]]");
        set_raw(object, "custom", "{\"id\":\"other\",\"name\":null,\"data\":[1,2,{\"id\":\"x\"}]}");
    }
}

void lie_sparse(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call, (void)lie;
    cJSON *object;
    cJSON_ArrayForEach(object, data_of(answer)) {
        for (cJSON *item = object->child, *next; item; item = next) {
            next = item->next;
            if (strcmp(item->string, "id") != 0 && strcmp(item->string, "path") != 0 &&
                strcmp(item->string, "versionId") != 0)
                cJSON_Delete(cJSON_DetachItemViaPointer(object, item));
        }
    }
}
