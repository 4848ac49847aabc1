/* The JSON of objects: see object.h. */
#include "tests/sim/world/object.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/world/words.h"

enum purpose { CREATED = 300, CHANGED, NAME, PERSON, NUMBERS, SIZE, SURFACE, SYSTEM, AMOUNT, TEXT, DOMAIN_VERSION };

#define EPOCH_S      1600000000ULL /* September 2020: no derived object is older */
#define FOUR_YEARS_S (4ULL * 365 * 86400)

/* Writes the members of one object; a member that a change replaced is written as it says. */
struct writer {
    struct buf *out;
    const cJSON *fields;
    bool has_member;
};

static bool member(struct writer *wr, const char *name)
{
    buf_str(wr->out, wr->has_member ? ",\"" : "{\"");
    buf_str(wr->out, name);
    buf_str(wr->out, "\":");
    wr->has_member = true;
    const cJSON *field = wr->fields ? cJSON_GetObjectItemCaseSensitive(wr->fields, name) : NULL;
    if (!field) return true;
    char *text = cJSON_PrintUnformatted(field);
    if (!text) abort();
    buf_str(wr->out, text);
    free(text);
    return false;
}

static void put_text(struct writer *wr, const char *name, const char *text)
{
    if (member(wr, name)) buf_json_string(wr->out, text, strlen(text));
}

static void put_buf(struct writer *wr, const char *name, const struct buf *text)
{
    if (member(wr, name)) buf_json_string(wr->out, text->data, text->len);
}

static void put_number(struct writer *wr, const char *name, double value)
{
    if (member(wr, name)) buf_printf(wr->out, "%.10g", value);
}

static void put_time(struct writer *wr, const char *name, uint64_t unix_s)
{
    if (member(wr, name)) buf_printf(wr->out, "%llu", (unsigned long long)unix_s);
}

static void put_bool(struct writer *wr, const char *name, bool value)
{
    if (member(wr, name)) buf_str(wr->out, value ? "true" : "false");
}

static uint64_t derive(const struct world *w, enum kind kind, uint32_t index, enum purpose purpose)
{
    return hash3(w->shape.seed, (uint64_t)purpose * KIND_COUNT + kind, index);
}

uint64_t object_created_s(const struct world *w, enum kind kind, uint32_t index)
{
    const struct change *c = overlay_find(&w->overlay, kind, index);
    return c && c->created_s ? c->created_s : EPOCH_S + derive(w, kind, index, CREATED) % FOUR_YEARS_S;
}

uint64_t object_changed_s(const struct world *w, enum kind kind, uint32_t index)
{
    const struct change *c = overlay_find(&w->overlay, kind, index);
    if (c && c->changed_s) return c->changed_s;
    return object_created_s(w, kind, index) + derive(w, kind, index, CHANGED) % (200ULL * 86400);
}

static bool is_recycled(const struct world *w, enum kind kind, uint32_t index)
{
    const struct change *c = overlay_find(&w->overlay, kind, index);
    return c && c->is_recycled;
}

static void add_directory(const struct world *w, uint32_t index, struct writer *wr, struct buf *text)
{
    world_directory_name(w, index, text);
    put_buf(wr, "name", text);
    buf_reset(text);
    world_add_identifier(w, KIND_DIRECTORY, index, text);
    put_buf(wr, "path", text);
}

static void add_project(const struct world *w, uint32_t index, struct writer *wr, struct buf *text)
{
    char guid[GUID_SIZE];
    uint64_t numbers = derive(w, KIND_PROJECT, index, NUMBERS);
    put_text(wr, "id", guid_make(w->shape.seed, KIND_PROJECT, index, guid));
    buf_printf(text, "%s %u", word(WORDS_PROJECT, derive(w, KIND_PROJECT, index, NAME)), index + 1);
    uint32_t version = world_version(w, KIND_PROJECT, index);
    if (version) buf_printf(text, " · rev %u", version);
    put_buf(wr, "name", text);
    put_time(wr, "createdDate", object_created_s(w, KIND_PROJECT, index));
    put_time(wr, "changedDate", object_changed_s(w, KIND_PROJECT, index));
    put_bool(wr, "isDeleted", is_recycled(w, KIND_PROJECT, index));
    buf_reset(text);
    buf_printf(text, "J-%05u", (unsigned)(numbers % 100000));
    put_buf(wr, "jobNumber", text);
    buf_reset(text);
    buf_printf(text, "A/%u/%04u", 2020 + (unsigned)(numbers >> 32) % 7, (unsigned)(numbers >> 40) % 10000);
    put_buf(wr, "offerNumber", text);
    put_text(wr, "personInCharge", word(WORDS_PERSON, derive(w, KIND_PROJECT, index, PERSON)));
    put_bool(wr, "estimated", numbers >> 63);
}

static void add_phase(const struct world *w, uint32_t index, struct writer *wr, struct buf *text)
{
    uint32_t version = world_version(w, KIND_PHASE, index);
    bool is_default = world_is_default_phase(w, index);
    world_add_identifier(w, KIND_PHASE, index, text);
    put_buf(wr, "id", text);
    buf_reset(text);
    uint64_t h = derive(w, KIND_PHASE, index, NAME);
    if (is_default)
        buf_str(text, "Standard");
    else
        buf_printf(text, "%s %u", word(WORDS_PHASE, h), 1 + (unsigned)(h >> 32) % 20);
    put_buf(wr, "name", text);
    buf_reset(text);
    if (!is_default) buf_printf(text, "%s / %s", word(WORDS_ROOM, h >> 8), word(WORDS_PERSON, h >> 16));
    if (version) buf_printf(text, " · rev %u", version);
    if (!text->data) buf_str(text, "");
    put_buf(wr, "description", text);
}

uint64_t elevation_hash(const struct world *w, uint32_t elevation, unsigned purpose)
{
    uint64_t h = derive(w, KIND_ELEVATION, elevation, SIZE);
    return hash3(h, purpose, world_version(w, KIND_ELEVATION, elevation));
}

static double replaced_number(const struct world *w, uint32_t elevation, const char *name, double derived)
{
    const struct change *c = overlay_find(&w->overlay, KIND_ELEVATION, elevation);
    const cJSON *field = c && c->fields ? cJSON_GetObjectItemCaseSensitive(c->fields, name) : NULL;
    return field && cJSON_IsNumber(field) ? field->valuedouble : derived;
}

double elevation_width_mm(const struct world *w, uint32_t elevation)
{
    uint64_t h = derive(w, KIND_ELEVATION, elevation, SIZE);
    double derived = 500 + (double)(h % 4500) / 2 + 10.0 * world_version(w, KIND_ELEVATION, elevation);
    return replaced_number(w, elevation, "width", derived);
}

double elevation_height_mm(const struct world *w, uint32_t elevation)
{
    return replaced_number(w, elevation, "height",
                           600 + (double)((derive(w, KIND_ELEVATION, elevation, SIZE) >> 32) % 2200));
}

void elevation_add_description(const struct world *w, uint32_t elevation, struct buf *out)
{
    uint64_t h = derive(w, KIND_ELEVATION, elevation, TEXT);
    const struct profile_system *system = word_system(derive(w, KIND_ELEVATION, elevation, SYSTEM));
    buf_printf(out, "%s %s, %.1f × %.1f mm", word(WORDS_ELEMENT, h), system->name, elevation_width_mm(w, elevation),
               elevation_height_mm(w, elevation));
    uint32_t version = world_version(w, KIND_ELEVATION, elevation);
    if (version) buf_printf(out, " (rev %u)", version);
}

static void put_surface(struct writer *wr, const char *name, uint64_t h)
{
    if (!member(wr, name)) return;
    struct writer inner = {.out = wr->out};
    put_text(&inner, "name", word(WORDS_COLOR, h));
    put_text(&inner, "colorInside", word(WORDS_COLOR, h >> 8));
    put_text(&inner, "colorOutside", word(WORDS_COLOR, h));
    buf_char(wr->out, '}');
}

void elevation_add_name(const struct world *w, uint32_t elevation, struct buf *out)
{
    const struct change *c = overlay_find(&w->overlay, KIND_ELEVATION, elevation);
    const cJSON *field = c && c->fields ? cJSON_GetObjectItemCaseSensitive(c->fields, "name") : NULL;
    if (cJSON_IsString(field)) {
        buf_str(out, field->valuestring);
        return;
    }
    uint32_t phase = world_parent(w, KIND_ELEVATION, elevation);
    struct range r = shape_children(&w->shape, KIND_ELEVATION, phase);
    uint32_t number = elevation >= r.first && elevation < r.end ? elevation - r.first + 1 : elevation + 1;
    buf_printf(out, "Pos. %03u %s", number, word(WORDS_ROOM, derive(w, KIND_ELEVATION, elevation, NAME)));
}

static void put_elevation_head(const struct world *w, uint32_t index, struct writer *wr, struct buf *text)
{
    char guid[GUID_SIZE];
    uint64_t version = world_version(w, KIND_ELEVATION, index);
    put_text(wr, "id", guid_make(w->shape.seed, KIND_ELEVATION, index, guid));
    put_text(wr, "versionId", guid_make(w->shape.seed, DOMAIN_VERSION, (uint64_t)index << 24 | version, guid));
    elevation_add_name(w, index, text);
    put_buf(wr, "name", text);
    buf_reset(text);
    put_number(wr, "amount", 1 + (double)(derive(w, KIND_ELEVATION, index, AMOUNT) % 12));
    put_bool(wr, "isInRecycleBin", is_recycled(w, KIND_ELEVATION, index));
    elevation_add_description(w, index, text);
    put_buf(wr, "automaticDescription", text);
}

static void add_elevation(const struct world *w, uint32_t index, struct writer *wr, struct buf *text)
{
    const struct profile_system *system = word_system(derive(w, KIND_ELEVATION, index, SYSTEM));
    uint64_t surface = derive(w, KIND_ELEVATION, index, SURFACE), h = derive(w, KIND_ELEVATION, index, TEXT);
    put_elevation_head(w, index, wr, text);
    put_text(wr, "systemDescription", system->long_name);
    put_text(wr, "modelDescription", word(WORDS_ELEMENT, h));
    put_text(wr, "userDescription", h >> 60 ? word(WORDS_ROOM, h >> 32) : "");
    put_surface(wr, "surfaceOfBaseElement", surface);
    put_surface(wr, "surfaceOfInsertions", surface >> 16);
    put_text(wr, "createdByUser", word(WORDS_PERSON, derive(w, KIND_ELEVATION, index, PERSON)));
    put_time(wr, "createdDate", object_created_s(w, KIND_ELEVATION, index));
    put_time(wr, "changedDate", object_changed_s(w, KIND_ELEVATION, index));
    put_number(wr, "width", elevation_width_mm(w, index));
    put_number(wr, "height", elevation_height_mm(w, index));
    put_bool(wr, "isElementPricelistElevation", false);
    put_text(wr, "elementPricelistId", NULL_GUID);
    put_text(wr, "type", word(WORDS_ELEMENT, h));
    put_text(wr, "state", "Calculated");
}

void object_add_json(const struct world *w, enum kind kind, uint32_t index, struct buf *out)
{
    static void (*const add[KIND_COUNT])(const struct world *, uint32_t, struct writer *,
                                         struct buf *) = {add_directory, add_project, add_phase, add_elevation};
    const struct change *c = overlay_find(&w->overlay, kind, index);
    struct writer wr = {.out = out, .fields = c ? c->fields : NULL};
    struct buf text = {0};
    add[kind](w, index, &wr, &text);
    buf_char(out, '}');
    buf_free(&text);
}
