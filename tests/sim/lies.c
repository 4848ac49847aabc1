/* Arming lies and deciding which call they strike: see lies.h. */
#include "tests/sim/lies.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/server.h"

static const char *const rule_names[RULE_COUNT] = {"quiet",  "again", "refused", "held", "object",
                                                   "member", "word",  "asked",   "file"};
static const char *const own_places[] = {"login", "thumbnail", "parts", "drawing", "any"};

static const char *place_name(int place)
{
    return place < KIND_COUNT ? kind_name((enum kind)place) : own_places[place - KIND_COUNT];
}

static unsigned place_bit(const char *name)
{
    for (int place = 0; place < PLACE_COUNT; place++)
        if (strcmp(place_name(place), name) == 0) return 1U << place;
    return 0;
}

static int arm(struct lies *l, const char *name, const char *where, struct armed_lie how, struct err *err)
{
    int i = 0;
    while (i < lies_table_count && strcmp(lies_table[i].name, name) != 0) i++;
    if (i == lies_table_count)
        return err_set(err, ERR_INPUT, "there is no lie \"%s\"; GET /_sim/lies lists them", name);
    how.lie = &lies_table[i];
    how.places = how.lie->places;
    if (where && *where) {
        how.places &= place_bit(where);
        if (!how.places) return err_set(err, ERR_INPUT, "the lie \"%s\" cannot strike at \"%s\"", name, where);
    }
    if (l->armed_count == LIES_ARMED) return err_set(err, ERR_LIMIT, "at most %d lies at once", LIES_ARMED);
    l->armed[l->armed_count++] = how;
    return 0;
}

int lies_arm(struct lies *l, const char *text, struct err *err)
{
    char name[64] = "";
    size_t len = strcspn(text, ":");
    if (len >= sizeof name) return err_set(err, ERR_INPUT, "there is no lie \"%s\"", text);
    memcpy(name, text, len);
    return arm(l, name, text[len] ? text + len + 1 : NULL, (struct armed_lie){.probability = 1, .count = -1}, err);
}

static int number_of(const cJSON *json, const char *name, double min, double max, double *out, struct err *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    if (!item) return 0;
    if (!cJSON_IsNumber(item) || item->valuedouble < min || item->valuedouble > max)
        return err_set(err, ERR_INPUT, "\"%s\" has to be a number from %g to %g", name, min, max);
    *out = item->valuedouble;
    return 0;
}

static int read_one(struct lies *l, const cJSON *json, struct err *err)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "name"));
    const char *where = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "where"));
    double count = -1, after = 0, probability = 1;
    if (!name) return err_set(err, ERR_INPUT, "\"name\" has to name a lie");
    if (number_of(json, "count", -1, 1e9, &count, err) < 0 || number_of(json, "after", 0, 1e9, &after, err) < 0 ||
        number_of(json, "probability", 0, 1, &probability, err) < 0)
        return -ERR_INPUT;
    struct armed_lie how = {.probability = probability, .count = (long)count, .after = (long)after};
    return arm(l, name, where, how, err);
}

int lies_read(struct lies *l, const cJSON *json, struct err *err)
{
    struct lies read = {.state = 1};
    double seed = 1;
    const cJSON *item, *list = cJSON_GetObjectItemCaseSensitive(json, "lies");
    if (!cJSON_IsArray(list)) return err_set(err, ERR_INPUT, "expected {\"lies\": [...]}");
    if (number_of(json, "seed", 0, 9e15, &seed, err) < 0) return -ERR_INPUT;
    cJSON_ArrayForEach(item, list) {
        if (read_one(&read, item, err) < 0) return -ERR_INPUT;
    }
    read.state = (uint64_t)seed;
    *l = read;
    return 0;
}

void lies_clear(struct lies *l)
{
    *l = (struct lies){.state = 1};
}

bool lies_has(const struct lies *l, const char *name)
{
    for (int i = 0; i < l->armed_count; i++)
        if (strcmp(l->armed[i].lie->name, name) == 0) return true;
    return false;
}

/* ---- striking ---- */

static unsigned places_of(enum endpoint endpoint, bool *is_select)
{
    *is_select = endpoint == EP_DIRECTORIES_SELECT || endpoint == EP_PROJECTS_SELECT || endpoint == EP_PHASES_SELECT ||
                 endpoint == EP_ELEVATIONS_SELECT;
    switch (endpoint) {
    case EP_DIRECTORIES:
    case EP_DIRECTORIES_SELECT: return 1U << KIND_DIRECTORY;
    case EP_PROJECTS:
    case EP_PROJECTS_SELECT: return 1U << KIND_PROJECT;
    case EP_PHASES:
    case EP_PHASES_SELECT: return 1U << KIND_PHASE;
    case EP_ELEVATIONS:
    case EP_ELEVATIONS_SELECT: return 1U << KIND_ELEVATION;
    case EP_AUTH: return 1U << PLACE_LOGIN;
    case EP_THUMBNAIL: return 1U << PLACE_THUMBNAIL;
    case EP_PARTS: return 1U << PLACE_PARTS;
    case EP_DRAWING: return 1U << PLACE_DRAWING;
    default: return 0;
    }
}

const struct lie *lies_pick(struct call *call)
{
    struct lies *l = &call->sim->lies;
    bool is_select;
    unsigned places = places_of(call->route->endpoint, &is_select);
    for (int i = 0; i < l->armed_count; i++) {
        struct armed_lie *a = &l->armed[i];
        bool is_any = a->places & 1U << PLACE_ANY && call->route->endpoint != EP_LOGOUT;
        if (!is_any && (!(a->places & places) || a->lie->is_select != is_select)) continue;
        if (a->lie->is_below && (!call->session || call->session->place == IN_ROOT)) continue;
        if ((long)a->seen++ < a->after || (a->count >= 0 && (long)a->struck >= a->count)) continue;
        double die = (double)(hash_next(&l->state) >> 11) / (double)(1ULL << 53);
        if (die >= a->probability) continue;
        a->struck++;
        return a->lie;
    }
    return NULL;
}

static uint32_t selected_project(struct call *call)
{
    cJSON *json = request_json(call->req);
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "identifier"));
    uint32_t project = id ? world_find(call->sim->world, KIND_PROJECT, id, NO_INDEX) : NO_INDEX;
    cJSON_Delete(json);
    return project;
}

/* Remembers in which project the lie was told. */
static void note_place(struct call *call)
{
    struct lies *l = &call->sim->lies;
    uint32_t project = call->session ? call->session->at[KIND_PROJECT] : NO_INDEX;
    if (call->route->endpoint == EP_PROJECTS_SELECT) project = selected_project(call);
    if (project == NO_INDEX) {
        l->is_wide = true;
        return;
    }
    for (int i = 0; i < l->project_count; i++)
        if (l->projects[i] == project) return;
    if (l->project_count == LIES_PLACES)
        l->is_wide = true;
    else
        l->projects[l->project_count++] = project;
}

bool lie_before(struct call *call, const struct lie *lie)
{
    note_place(call);
    return lie->before && lie->before(call, lie);
}

void lie_spoil(struct call *call, const struct lie *lie)
{
    if (lie->edit && call->status == 200) {
        cJSON *answer = cJSON_ParseWithLength(call->body.data, call->body.len);
        lie->edit(call, lie, answer);
        char *text = cJSON_PrintUnformatted(answer);
        if (!text) abort();
        buf_reset(&call->body);
        buf_str(&call->body, text);
        free(text);
        cJSON_Delete(answer);
    }
    if (lie->after) lie->after(call, lie);
}

/* ---- telling ---- */

static void add_places(unsigned places, struct buf *out)
{
    const char *comma = "";
    buf_char(out, '[');
    for (int place = 0; place < PLACE_COUNT; place++) {
        if (!(places & 1U << place)) continue;
        buf_printf(out, "%s\"%s\"", comma, place_name(place));
        comma = ",";
    }
    buf_char(out, ']');
}

static void add_text(const char *key, const char *text, struct buf *out)
{
    buf_printf(out, ",\"%s\":", key);
    buf_json_string(out, text, strlen(text));
}

void lies_add_catalogue(struct buf *out)
{
    buf_char(out, '[');
    for (int i = 0; i < lies_table_count; i++) {
        const struct lie *lie = &lies_table[i];
        buf_printf(out, "%s{\"name\":\"%s\",\"on\":\"%s\",\"rule\":\"%s\",\"where\":", i ? "," : "", lie->name,
                   lie->is_select ? "select" : "answer", rule_names[lie->rule]);
        add_places(lie->places, out);
        add_text("what", lie->what, out);
        add_text("right", lie->right, out);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

void lies_add_markdown(struct buf *out)
{
    buf_str(out, "| lie | where | what it does | the right answer to it |\n|---|---|---|---|\n");
    for (int i = 0; i < lies_table_count; i++) {
        const struct lie *lie = &lies_table[i];
        const char *comma = "";
        buf_printf(out, "| `%s` | %s", lie->name, lie->is_select ? "select of " : "");
        for (int place = 0; place < PLACE_COUNT; place++) {
            if (!(lie->places & 1U << place)) continue;
            buf_printf(out, "%s%s", comma, place_name(place));
            comma = ", ";
        }
        buf_printf(out, " | %s | %s |\n", lie->what, lie->right);
    }
}

void lies_add_json(const struct lies *l, const struct world *w, struct buf *out)
{
    buf_str(out, "{\"catalogue\":");
    lies_add_catalogue(out);
    buf_str(out, ",\"armed\":[");
    for (int i = 0; i < l->armed_count; i++) {
        const struct armed_lie *a = &l->armed[i];
        buf_printf(out, "%s{\"name\":\"%s\",\"seen\":%lu,\"struck\":%lu,\"where\":", i ? "," : "", a->lie->name,
                   a->seen, a->struck);
        add_places(a->places, out);
        buf_char(out, '}');
    }
    buf_printf(out, "],\"wide\":%s,\"projects\":[", l->is_wide ? "true" : "false");
    for (int i = 0; i < l->project_count; i++) {
        buf_str(out, i ? ",\"" : "\"");
        world_add_identifier(w, KIND_PROJECT, l->projects[i], out);
        buf_char(out, '"');
    }
    buf_str(out, "]}");
}
