/* Lies about whole listings: see lie_edits.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/lies/lie_edits.h"
#include "tests/sim/world/object.h"

static cJSON *data_of(const cJSON *answer)
{
    return cJSON_GetObjectItemCaseSensitive(answer, "data");
}

static void replace_data(cJSON *answer, cJSON *value)
{
    cJSON_ReplaceItemInObjectCaseSensitive(answer, "data", value);
}

static enum kind kind_listed(const struct call *call)
{
    switch (call->route->endpoint) {
    case EP_DIRECTORIES: return KIND_DIRECTORY;
    case EP_PROJECTS: return KIND_PROJECT;
    case EP_PHASES: return KIND_PHASE;
    default: return KIND_ELEVATION;
    }
}

/* The place whose children are listed; NO_INDEX = the root. */
static uint32_t place_of(const struct call *call, enum kind kind)
{
    return call->session->at[kind == KIND_DIRECTORY ? kind : kind - 1];
}

static cJSON *object_of(const struct world *w, enum kind kind, uint32_t index)
{
    struct buf text = {0};
    object_add_json(w, kind, index, &text);
    cJSON *object = cJSON_ParseWithLength(text.data, text.len);
    buf_free(&text);
    return object;
}

void lie_data_value(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call;
    if (*lie->value)
        replace_data(answer, cJSON_CreateRaw(lie->value));
    else
        cJSON_DeleteItemFromObjectCaseSensitive(answer, "data");
}

void lie_bare(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call, (void)lie;
    cJSON *first = cJSON_DetachItemFromArray(data_of(answer), 0);
    replace_data(answer, first ? first : cJSON_CreateObject());
}

void lie_text(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call, (void)lie;
    char *text = cJSON_PrintUnformatted(data_of(answer));
    replace_data(answer, cJSON_CreateString(text));
    free(text);
}

void lie_envelope(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call, (void)lie;
    cJSON *envelope = cJSON_CreateObject();
    cJSON_AddItemToObject(envelope, "items", cJSON_Duplicate(data_of(answer), 1));
    replace_data(answer, envelope);
}

void lie_keep(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call;
    cJSON *data = data_of(answer);
    for (int i = cJSON_GetArraySize(data) - 1; i >= 0; i--)
        if (i % lie->number) cJSON_DeleteItemFromArray(data, i);
}

void lie_first(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call;
    cJSON *data = data_of(answer);
    for (int i = cJSON_GetArraySize(data) - 1; i >= lie->number; i--) cJSON_DeleteItemFromArray(data, i);
}

void lie_beside(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call;
    cJSON *data = data_of(answer);
    for (int i = cJSON_GetArraySize(data) - 1; i >= 0; i--)
        if (i % 2) cJSON_DeleteItemFromArray(data, i);
    cJSON_DeleteItemFromObjectCaseSensitive(answer, lie->member);
    cJSON_AddItemToObject(answer, lie->member, cJSON_CreateRaw(lie->value));
}

void lie_doubled(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call, (void)lie;
    cJSON *data = data_of(answer), *again = cJSON_Duplicate(data, 1), *object;
    while ((object = cJSON_DetachItemFromArray(again, 0))) cJSON_AddItemToArray(data, object);
    cJSON_Delete(again);
}

void lie_twin(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call;
    cJSON *data = data_of(answer), *twin = cJSON_Duplicate(cJSON_GetArrayItem(data, 0), 1);
    if (!twin) return;
    cJSON_DeleteItemFromObjectCaseSensitive(twin, lie->member);
    cJSON_AddItemToObject(twin, lie->member, cJSON_CreateRaw(lie->value));
    cJSON_AddItemToArray(data, twin);
}

void lie_reversed(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call, (void)lie;
    cJSON *data = data_of(answer), *reversed = cJSON_CreateArray();
    for (int i = cJSON_GetArraySize(data) - 1; i >= 0; i--)
        cJSON_AddItemToArray(reversed, cJSON_DetachItemFromArray(data, i));
    replace_data(answer, reversed);
}

void lie_nulls(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)call, (void)lie;
    cJSON *data = data_of(answer);
    cJSON_InsertItemInArray(data, 0, cJSON_CreateNull());
    cJSON_AddItemToArray(data, cJSON_CreateNumber(7));
}

/* The listing as it was when the simulator started. */
void lie_stale(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)lie;
    enum kind kind = kind_listed(call);
    uint32_t place = place_of(call, kind);
    struct world *old = world_new(&call->sim->world->shape);
    uint32_t places = kind == KIND_DIRECTORY ? old->count[kind] : old->count[kind - 1];
    if (place < places || (place == NO_INDEX && kind == KIND_DIRECTORY)) {
        cJSON *data = cJSON_CreateArray();
        struct index_list list = world_children(old, kind, place);
        for (size_t i = 0; i < list.count; i++) cJSON_AddItemToArray(data, object_of(old, kind, list.items[i]));
        free(list.items);
        replace_data(answer, data);
    }
    world_free(old);
}

/* The next place of the same sort that exists and has children of this kind. */
static uint32_t next_place(const struct world *w, enum kind kind, uint32_t place)
{
    enum kind above = kind == KIND_DIRECTORY ? kind : kind - 1;
    uint32_t n = w->count[above];
    for (uint32_t step = 1; step < n; step++) {
        uint32_t other = place == NO_INDEX ? step - 1 : (place + step) % n;
        if (!world_exists(w, above, other)) continue;
        struct index_list list = world_children(w, kind, other);
        free(list.items);
        if (list.count) return other;
    }
    return place;
}

void lie_neighbour(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)lie;
    const struct world *w = call->sim->world;
    enum kind kind = kind_listed(call);
    cJSON *data = cJSON_CreateArray();
    struct index_list list = world_children(w, kind, next_place(w, kind, place_of(call, kind)));
    for (size_t i = 0; i < list.count; i++) cJSON_AddItemToArray(data, object_of(w, kind, list.items[i]));
    free(list.items);
    replace_data(answer, data);
}

void lie_also_elsewhere(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)lie;
    const struct world *w = call->sim->world;
    enum kind kind = kind_listed(call);
    struct index_list list = world_children(w, kind, next_place(w, kind, place_of(call, kind)));
    if (list.count) cJSON_AddItemToArray(data_of(answer), object_of(w, kind, list.items[0]));
    free(list.items);
}

void lie_invented(struct call *call, const struct lie *lie, cJSON *answer)
{
    enum kind kind = kind_listed(call);
    uint32_t place = place_of(call, kind);
    for (int i = 0; i < lie->number && place % 3 == 0; i++) {
        char text[200], guid[GUID_SIZE];
        guid_make(call->sim->world->shape.seed, 900 + (unsigned)kind, (uint64_t)place << 20 | (unsigned)i, guid);
        if (kind == KIND_DIRECTORY)
            snprintf(text, sizeof text, "{\"name\":\"Erfunden %d\",\"path\":\"Erfunden %.8s\"}", i, guid);
        else
            snprintf(text, sizeof text, "{\"id\":\"%s\",\"name\":\"Erfunden %d\",\"versionId\":\"%s\"}", guid, i, guid);
        cJSON_AddItemToArray(data_of(answer), cJSON_Parse(text));
    }
}

/* Adds a directory with this path to the listing. */
static void add_directory(cJSON *answer, const char *name, const char *path)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", name);
    cJSON_AddStringToObject(object, "path", path);
    cJSON_AddItemToArray(data_of(answer), object);
}

void lie_flat(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)lie;
    const struct world *w = call->sim->world;
    cJSON *data = cJSON_CreateArray();
    for (uint32_t i = 0; i < w->count[KIND_DIRECTORY]; i++)
        if (world_exists(w, KIND_DIRECTORY, i)) cJSON_AddItemToArray(data, object_of(w, KIND_DIRECTORY, i));
    replace_data(answer, data);
}

void lie_cycle(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)lie;
    uint32_t place = place_of(call, KIND_DIRECTORY);
    if (place != NO_INDEX) cJSON_AddItemToArray(data_of(answer), object_of(call->sim->world, KIND_DIRECTORY, place));
}

void lie_ring(struct call *call, const struct lie *lie, cJSON *answer)
{
    (void)lie;
    const struct world *w = call->sim->world;
    uint32_t top = place_of(call, KIND_DIRECTORY);
    if (top == NO_INDEX) return;
    for (uint32_t up; (up = world_parent(w, KIND_DIRECTORY, top)) != NO_INDEX;) top = up;
    cJSON_AddItemToArray(data_of(answer), object_of(w, KIND_DIRECTORY, top));
}

/* Below each directory one more, for ever. The select of such a one is understood by the calls themselves. */
void lie_deep(struct call *call, const struct lie *lie, cJSON *answer)
{
    uint32_t place = place_of(call, KIND_DIRECTORY);
    struct buf path = {0};
    if (place == NO_INDEX) return;
    if (call->session->below) replace_data(answer, cJSON_CreateArray());
    world_add_identifier(call->sim->world, KIND_DIRECTORY, place, &path);
    for (unsigned i = 0; i <= call->session->below; i++) buf_printf(&path, "/%s", lie->value);
    add_directory(answer, lie->value, path.data);
    buf_free(&path);
}
