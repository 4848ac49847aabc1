/* Who exists and who belongs to whom: see world.h. Changes are in world_change.c. */
#include "tests/sim/world/world.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/words.h"

static uint32_t *index_array(size_t count)
{
    uint32_t *a = malloc((count ? count : 1) * sizeof *a);
    if (!a) abort();
    memset(a, 0xff, count * sizeof *a);
    return a;
}

/* Every third directory or so stands at the top; the others hang below one of the few before them, not too deep. */
static uint32_t derive_directory_parent(const struct world *w, uint32_t directory, const uint8_t *level)
{
    if (directory == 0 || w->shape.depth < 2) return NO_INDEX;
    uint64_t h = hash3(w->shape.seed, 200, directory);
    uint32_t near = directory < 6 ? directory : 6;
    uint32_t parent = directory - 1 - (uint32_t)(h % near);
    return directory > 2 && (h >> 32) % 3 == 0 ? NO_INDEX : level[parent] + 1U < w->shape.depth ? parent : NO_INDEX;
}

struct world *world_new(const struct shape *shape)
{
    struct world *w = calloc(1, sizeof *w);
    if (!w) abort();
    w->shape = *shape;
    memcpy(w->count, shape->count, sizeof w->count);
    uint32_t n = shape->count[KIND_DIRECTORY];
    w->directory_parent = index_array(n);
    w->directory_child = index_array(n + 1);
    w->directory_next = index_array(n);
    uint8_t *level = calloc((size_t)n + 1, 1);
    if (!level) abort();
    for (uint32_t d = 0; d < n; d++) {
        w->directory_parent[d] = derive_directory_parent(w, d, level);
        if (w->directory_parent[d] != NO_INDEX) level[d] = (uint8_t)(level[w->directory_parent[d]] + 1);
    }
    free(level);
    for (uint32_t d = n; d-- > 0;) {
        uint32_t *first = &w->directory_child[w->directory_parent[d] == NO_INDEX ? n : w->directory_parent[d]];
        w->directory_next[d] = *first;
        *first = d;
    }
    return w;
}

void world_free(struct world *w)
{
    if (!w) return;
    overlay_free(&w->overlay);
    free(w->directory_parent);
    free(w->directory_child);
    free(w->directory_next);
    free(w);
}

static bool is_here(const struct world *w, enum kind kind, uint32_t index)
{
    if (index >= w->count[kind]) return false;
    const struct change *c = overlay_find(&w->overlay, kind, index);
    return !c || !c->is_deleted;
}

uint32_t world_parent(const struct world *w, enum kind kind, uint32_t index)
{
    const struct change *c = overlay_find(&w->overlay, kind, index);
    if (c && c->is_guest) return c->parent;
    return kind == KIND_DIRECTORY ? w->directory_parent[index] : shape_parent(&w->shape, kind, index);
}

bool world_exists(const struct world *w, enum kind kind, uint32_t index)
{
    while (is_here(w, kind, index)) {
        index = world_parent(w, kind, index);
        if (kind != KIND_DIRECTORY)
            kind--;
        else if (index == NO_INDEX)
            return true;
    }
    return false;
}

bool world_is_default_phase(const struct world *w, uint32_t phase)
{
    if (phase >= w->shape.count[KIND_PHASE]) return false;
    return shape_children(&w->shape, KIND_PHASE, shape_parent(&w->shape, KIND_PHASE, phase)).first == phase;
}

uint32_t world_version(const struct world *w, enum kind kind, uint32_t index)
{
    const struct change *c = overlay_find(&w->overlay, kind, index);
    return c ? c->version : 0;
}

void index_list_add(struct index_list *list, uint32_t index)
{
    if (list->count == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 32;
        list->items = realloc(list->items, list->cap * sizeof *list->items);
        if (!list->items) abort();
    }
    list->items[list->count++] = index;
}

static void add_resident(const struct world *w, enum kind kind, uint32_t index, struct index_list *list)
{
    const struct change *c = overlay_find(&w->overlay, kind, index);
    if (!c || (!c->is_deleted && !c->is_guest)) index_list_add(list, index);
}

struct index_list world_children(const struct world *w, enum kind child, uint32_t parent)
{
    struct index_list list = {0};
    if (child == KIND_DIRECTORY) {
        uint32_t n = w->shape.count[KIND_DIRECTORY];
        uint32_t d = parent == NO_INDEX ? w->directory_child[n] : parent < n ? w->directory_child[parent] : NO_INDEX;
        for (; d != NO_INDEX; d = w->directory_next[d]) add_resident(w, child, d, &list);
    } else {
        struct range r = shape_children(&w->shape, child, parent);
        for (uint32_t i = r.first; i < r.end; i++) add_resident(w, child, i, &list);
    }
    for (size_t i = 0; i < w->overlay.guest_count[child]; i++) {
        const struct change *c = w->overlay.guests[child][i];
        if (c->parent == parent && !c->is_deleted) index_list_add(&list, c->index);
    }
    return list;
}

void world_directory_name(const struct world *w, uint32_t directory, struct buf *out)
{
    const struct change *c = overlay_find(&w->overlay, KIND_DIRECTORY, directory);
    const cJSON *name = c ? cJSON_GetObjectItemCaseSensitive(c->fields, "name") : NULL;
    if (name && cJSON_IsString(name)) {
        buf_str(out, name->valuestring);
        return;
    }
    buf_printf(out, "%s %u", word(WORDS_DIRECTORY, hash3(w->shape.seed, 201, directory)), directory + 1);
    if (c && c->version && !c->is_guest) buf_printf(out, " (%u)", c->version + 1);
}

static void add_path(const struct world *w, uint32_t directory, struct buf *out)
{
    uint32_t parent = world_parent(w, KIND_DIRECTORY, directory);
    if (parent != NO_INDEX) {
        add_path(w, parent, out);
        buf_char(out, '/');
    }
    world_directory_name(w, directory, out);
}

void world_add_identifier(const struct world *w, enum kind kind, uint32_t index, struct buf *out)
{
    char guid[GUID_SIZE];
    if (kind == KIND_DIRECTORY)
        add_path(w, index, out);
    else if (kind == KIND_PHASE && world_is_default_phase(w, index))
        buf_str(out, NULL_GUID);
    else
        buf_str(out, guid_make(w->shape.seed, kind, index, guid));
}

/* Walks down name by name. */
static uint32_t find_directory(const struct world *w, const char *path)
{
    uint32_t at = NO_INDEX;
    struct buf name = {0};
    while (*path) {
        size_t len = strcspn(path, "/");
        struct index_list list = world_children(w, KIND_DIRECTORY, at);
        uint32_t found = NO_INDEX;
        for (size_t i = 0; i < list.count && found == NO_INDEX; i++) {
            buf_reset(&name);
            world_directory_name(w, list.items[i], &name);
            if (name.len == len && memcmp(name.data, path, len) == 0) found = list.items[i];
        }
        free(list.items);
        at = found;
        if (found == NO_INDEX) break;
        path += len;
        if (*path == '/') path++;
    }
    buf_free(&name);
    return at;
}

uint32_t world_find(const struct world *w, enum kind kind, const char *identifier, uint32_t parent)
{
    uint64_t index;
    if (kind == KIND_DIRECTORY) return find_directory(w, identifier);
    if (kind == KIND_PHASE && strcmp(identifier, NULL_GUID) == 0) {
        struct range r = shape_children(&w->shape, KIND_PHASE, parent);
        if (r.first == r.end || world_parent(w, kind, r.first) != parent) return NO_INDEX;
        index = r.first;
    } else if (!guid_read(w->shape.seed, kind, identifier, &index) || index >= w->count[kind]) {
        return NO_INDEX;
    }
    if (kind == KIND_PHASE && parent != NO_INDEX && world_parent(w, kind, (uint32_t)index) != parent) return NO_INDEX;
    return world_exists(w, kind, (uint32_t)index) ? (uint32_t)index : NO_INDEX;
}
