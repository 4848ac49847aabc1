/* Changing the simulated company while it runs: see control.h. Every call answers the identifiers of what it touched:
 * {"elevation":[{"id":...,"parent":...,"project":...}]}. */
#include "tests/sim/control.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_MAX 1000000

static const char *text_of(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static double number_of(const cJSON *json, const char *name, double otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

static void add_json_identifier(const struct world *w, enum kind kind, uint32_t index, struct buf *out)
{
    struct buf text = {0};
    if (index == NO_INDEX) {
        buf_str(out, "null");
        return;
    }
    world_add_identifier(w, kind, index, &text);
    buf_json_string(out, text.data, text.len);
    buf_free(&text);
}

/* Answers what was touched, with where it is now. */
static int answer(const struct world *w, enum kind kind, struct index_list *list, struct buf *body)
{
    buf_printf(body, "{\"count\":%zu,\"type\":\"%s\",\"objects\":[", list->count, kind_name(kind));
    for (size_t i = 0; i < list->count; i++) {
        uint32_t index = list->items[i], parent = world_parent(w, kind, index);
        buf_str(body, i ? ",{\"id\":" : "{\"id\":");
        add_json_identifier(w, kind, index, body);
        buf_str(body, ",\"parent\":");
        add_json_identifier(w, kind == KIND_DIRECTORY ? KIND_DIRECTORY : kind - 1, parent, body);
        if (kind == KIND_ELEVATION) {
            buf_str(body, ",\"project\":");
            add_json_identifier(w, KIND_PROJECT, world_parent(w, KIND_PHASE, parent), body);
        }
        buf_char(body, '}');
    }
    buf_str(body, "]}");
    free(list->items);
    return 200;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

/* Up to count existing objects, spread over the tree; the same seed picks the same ones. */
static struct index_list pick(const struct world *w, enum kind kind, uint32_t count, uint64_t seed)
{
    struct index_list list = {0};
    uint32_t n = w->count[kind];
    if (n == 0) return list;
    uint32_t at = (uint32_t)(hash3(seed, 400, kind) % n), stride = (uint32_t)((uint64_t)n * 618 / 1000) | 1;
    while (gcd(stride, n) != 1) stride++;
    for (uint32_t tried = 0; tried < n && list.count < count; tried++) {
        if (world_exists(w, kind, at)) index_list_add(&list, at);
        at = (uint32_t)(((uint64_t)at + stride) % n);
    }
    return list;
}

/* The project that "project" names, or NO_INDEX: with it a phase's null GUID is unambiguous. */
static uint32_t project_of(const struct world *w, const cJSON *json)
{
    const char *text = text_of(json, "project");
    return text ? world_find(w, KIND_PROJECT, text, NO_INDEX) : NO_INDEX;
}

/* Reads "type". */
static bool read_kind(const cJSON *json, enum kind *kind, struct buf *body)
{
    const char *type = text_of(json, "type");
    *kind = type ? kind_of(type) : KIND_COUNT;
    if (*kind != KIND_COUNT) return true;
    control_refuse(body, 400, "\"type\" has to be directory, project, phase or elevation");
    return false;
}

/* The objects that a call means: the one of "id", or "count" (1) of them. Empty, with body filled, when there is none.
 */
static struct index_list targets(const struct world *w, enum kind kind, const cJSON *json, struct buf *body)
{
    struct index_list list = {0};
    const char *id = text_of(json, "id");
    double count = number_of(json, "count", 1);
    if (id) {
        uint32_t index = world_find(w, kind, id, project_of(w, json));
        if (index != NO_INDEX) index_list_add(&list, index);
    } else if (count >= 1 && count <= COUNT_MAX) {
        list = pick(w, kind, (uint32_t)count, (uint64_t)number_of(json, "seed", 1));
    }
    if (!list.count) control_refuse(body, 404, "there is no such %s", kind_name(kind));
    return list;
}

int control_change(struct sim *sim, const cJSON *json, struct buf *body)
{
    enum kind kind;
    const cJSON *fields = cJSON_GetObjectItemCaseSensitive(json, "fields");
    if (!read_kind(json, &kind, body)) return 400;
    if (fields && !cJSON_IsObject(fields)) return control_refuse(body, 400, "\"fields\" has to be an object");
    const char *name = text_of(fields, "name");
    if (kind == KIND_DIRECTORY && name && (!*name || strchr(name, '/')))
        return control_refuse(body, 400, "a directory's name is not empty and has no \"/\"");
    struct index_list list = targets(sim->world, kind, json, body);
    if (!list.count) return 404;
    for (size_t i = 0; i < list.count; i++) {
        sim->world->is_silent = cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(json, "propagate"));
        world_change(sim->world, kind, list.items[i], fields);
    }
    sim->world->is_silent = false;
    return answer(sim->world, kind, &list, body);
}

/* Where "parent" says that an object of this kind shall be; the root of the directories is "". */
static bool read_parent(const struct world *w, enum kind kind, const cJSON *json, uint32_t *parent, struct buf *body)
{
    const char *text = text_of(json, "parent");
    enum kind above = kind == KIND_DIRECTORY ? KIND_DIRECTORY : kind - 1;
    *parent = NO_INDEX;
    if (kind == KIND_DIRECTORY && (!text || !*text)) return true;
    if (text) {
        *parent = world_find(w, above, text, project_of(w, json));
    } else {
        struct index_list list = pick(w, above, 1, (uint64_t)number_of(json, "seed", 1));
        if (list.count) *parent = list.items[0];
        free(list.items);
    }
    if (*parent == NO_INDEX) control_refuse(body, 404, "there is no such parent");
    return *parent != NO_INDEX;
}

int control_add(struct sim *sim, const cJSON *json, struct buf *body)
{
    enum kind kind;
    uint32_t parent;
    double count = number_of(json, "count", 1);
    const cJSON *fields = cJSON_GetObjectItemCaseSensitive(json, "fields");
    if (!read_kind(json, &kind, body)) return 400;
    if (count < 1 || count > COUNT_MAX) return control_refuse(body, 400, "\"count\" has to be 1 to %d", COUNT_MAX);
    if (!read_parent(sim->world, kind, json, &parent, body)) return 404;
    struct index_list list = {0};
    for (uint32_t i = 0; i < (uint32_t)count; i++) {
        uint32_t index = world_add(sim->world, kind, parent);
        if (fields) world_change(sim->world, kind, index, fields);
        index_list_add(&list, index);
    }
    return answer(sim->world, kind, &list, body);
}

int control_delete(struct sim *sim, const cJSON *json, struct buf *body)
{
    enum kind kind;
    if (!read_kind(json, &kind, body)) return 400;
    struct index_list list = targets(sim->world, kind, json, body);
    if (!list.count) return 404;
    bool recycle = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "recycle"));
    for (size_t i = 0; i < list.count; i++) world_delete(sim->world, kind, list.items[i], recycle);
    return answer(sim->world, kind, &list, body);
}

/* Brings back what was deleted: everything of "type" (all types without it), or the one of "id", at most "count". */
int control_restore(struct sim *sim, const cJSON *json, struct buf *body)
{
    const char *type = text_of(json, "type"), *id = text_of(json, "id");
    enum kind only = type ? kind_of(type) : KIND_COUNT;
    double left = number_of(json, "count", COUNT_MAX);
    size_t restored = 0;
    struct buf text = {0};
    if (type && only == KIND_COUNT) return control_refuse(body, 400, "there is no type \"%s\"", type);
    for (size_t b = 0; b < sim->world->overlay.bucket_count; b++) {
        for (struct change *c = sim->world->overlay.buckets[b]; c && left >= 1; c = c->next) {
            if ((!c->is_deleted && !c->is_recycled) || (only != KIND_COUNT && c->kind != only)) continue;
            buf_reset(&text);
            world_add_identifier(sim->world, c->kind, c->index, &text);
            if (id && strcmp(text.data, id) != 0) continue;
            world_restore(sim->world, c->kind, c->index);
            restored++;
            left--;
        }
    }
    buf_free(&text);
    if (id && !restored) return control_refuse(body, 404, "nothing with this id was deleted");
    buf_printf(body, "{\"count\":%zu}", restored);
    return 200;
}

/* {"type","id" or "count","to": identifier of the new parent,"to_project": its project when it is a phase}; or {"type",
 * "when": "listed"}: one comes from another place to the one that is listed next, as soon as that list is made. */
int control_move(struct sim *sim, const cJSON *json, struct buf *body)
{
    enum kind kind;
    const char *to = text_of(json, "to"), *to_project = text_of(json, "to_project"), *when = text_of(json, "when");
    if (!read_kind(json, &kind, body)) return 400;
    if (when && strcmp(when, "listed") == 0) {
        sim->is_arriving[kind] = true;
        return 200;
    }
    if (!to) return control_refuse(body, 400, "\"to\" has to name the new parent");
    enum kind above = kind == KIND_DIRECTORY ? KIND_DIRECTORY : kind - 1;
    uint32_t project = to_project ? world_find(sim->world, KIND_PROJECT, to_project, NO_INDEX) : NO_INDEX;
    uint32_t parent = kind == KIND_DIRECTORY && !*to ? NO_INDEX : world_find(sim->world, above, to, project);
    if (parent == NO_INDEX && (kind != KIND_DIRECTORY || *to))
        return control_refuse(body, 404, "there is no such parent");
    struct index_list list = targets(sim->world, kind, json, body);
    if (!list.count) return 404;
    for (size_t i = 0; i < list.count; i++) {
        bool ok = !(kind == KIND_PHASE && world_is_default_phase(sim->world, list.items[i]));
        if (ok && world_move(sim->world, kind, list.items[i], parent)) continue;
        free(list.items);
        return control_refuse(body, 409,
                              ok ? "a directory cannot be moved below itself" : "a default phase cannot be moved");
    }
    return answer(sim->world, kind, &list, body);
}

/* "count" random changes of every sort; the same seed on the same tree does the same. */
int control_mutate(struct sim *sim, const cJSON *json, struct buf *body)
{
    struct world *w = sim->world;
    uint64_t state = (uint64_t)number_of(json, "seed", 1);
    uint32_t count = (uint32_t)number_of(json, "count", 1);
    unsigned done[4] = {0};
    for (uint32_t i = 0; i < count && i < COUNT_MAX; i++) {
        uint64_t h = hash_next(&state);
        enum kind kind = h % 16 < 12    ? KIND_ELEVATION
                         : h % 16 == 12 ? KIND_PHASE
                         : h % 16 == 13 ? KIND_DIRECTORY
                                        : KIND_PROJECT;
        struct index_list one = pick(w, kind, 1, hash_next(&state));
        struct index_list parent = pick(w, kind == KIND_DIRECTORY ? kind : kind - 1, 1, hash_next(&state));
        unsigned what = (unsigned)(h >> 32) % 10; /* 0-4 change, 5-6 add, 7-8 delete, 9 move */
        bool is_deletable = kind == KIND_ELEVATION || (h >> 48) % 4 == 0;
        if (what < 5 && one.count) {
            world_change(w, kind, one.items[0], NULL);
            done[0]++;
        } else if (what < 7 && parent.count) {
            world_add(w, kind, parent.items[0]);
            done[1]++;
        } else if (what < 9 && one.count && is_deletable) {
            world_delete(w, kind, one.items[0], (h >> 52) % 2);
            done[2]++;
        } else if (what == 9 && one.count && parent.count && kind != KIND_PHASE) {
            done[3] += world_move(w, kind, one.items[0], parent.items[0]);
        }
        free(one.items);
        free(parent.items);
    }
    buf_printf(body, "{\"changed\":%u,\"added\":%u,\"deleted\":%u,\"moved\":%u}", done[0], done[1], done[2], done[3]);
    return 200;
}
