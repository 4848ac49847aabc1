/* Changing the truth: see world.h. */
#include "tests/sim/world/world.h"

#include <time.h>

#include "tests/sim/world/object.h"

/* What changes below a project moves the project's date, as the upstream does it; nothing else of it. */
static void stamp_project(struct world *w, enum kind kind, uint32_t index)
{
    if (w->is_silent || kind <= KIND_PROJECT) return;
    for (; kind > KIND_PROJECT; kind--) index = world_parent(w, kind, index);
    uint64_t now_s = (uint64_t)time(NULL), last_s = object_changed_s(w, KIND_PROJECT, index);
    overlay_touch(&w->overlay, KIND_PROJECT, index)->changed_s = now_s > last_s ? now_s : last_s + 1;
}

static struct change *touch(struct world *w, enum kind kind, uint32_t index)
{
    stamp_project(w, kind, index);
    uint64_t now_s = (uint64_t)time(NULL), last_s = object_changed_s(w, kind, index);
    struct change *c = overlay_touch(&w->overlay, kind, index);
    c->changed_s = now_s > last_s ? now_s : last_s + 1;
    c->version++;
    return c;
}

void world_change(struct world *w, enum kind kind, uint32_t index, const cJSON *fields)
{
    struct change *c = touch(w, kind, index);
    const cJSON *field;
    cJSON_ArrayForEach(field, fields) {
        if (!c->fields) c->fields = cJSON_CreateObject();
        cJSON_DeleteItemFromObjectCaseSensitive(c->fields, field->string);
        cJSON_AddItemToObject(c->fields, field->string, cJSON_Duplicate(field, 1));
    }
}

uint32_t world_add(struct world *w, enum kind kind, uint32_t parent)
{
    uint32_t index = w->count[kind]++;
    struct change *c = overlay_touch(&w->overlay, kind, index);
    c->created_s = c->changed_s = (uint64_t)time(NULL);
    overlay_set_parent(&w->overlay, c, parent);
    stamp_project(w, kind, index);
    return index;
}

void world_delete(struct world *w, enum kind kind, uint32_t index, bool recycle)
{
    struct change *c = touch(w, kind, index);
    if (recycle)
        c->is_recycled = true;
    else
        c->is_deleted = true;
}

void world_restore(struct world *w, enum kind kind, uint32_t index)
{
    struct change *c = touch(w, kind, index);
    c->is_deleted = c->is_recycled = false;
}

bool world_move(struct world *w, enum kind kind, uint32_t index, uint32_t parent)
{
    for (uint32_t up = parent; kind == KIND_DIRECTORY && up != NO_INDEX; up = world_parent(w, kind, up))
        if (up == index) return false;
    overlay_set_parent(&w->overlay, touch(w, kind, index), parent);
    stamp_project(w, kind, index);
    return true;
}
