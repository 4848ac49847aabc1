/* Reading the upstream's objects: see objects.h. */
#include "services/logikal/objects.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/utf8.h"
#include "services/logikal/json_tidy.h"
#include "services/logikal/place.h"

#define PATH_LIMIT 4096

/* One object at hand, the first thing that refuses it, and what is odd about it. */
struct object_reader {
    const cJSON *json;
    struct logikal_odd *odd;
    const char *wrong_member, *expected;
    bool has_no_memory;
};

static void odd(struct object_reader *r, const char *name, const char *what)
{
    struct logikal_odd *o = r->odd;
    if (o->count == (int)(sizeof o->items / sizeof o->items[0])) return;
    o->items[o->count].member = name;
    o->items[o->count++].what = what;
}

/* NULL when it is no JSON, or, with errno ENOMEM, without memory. */
static cJSON *parse(struct object_reader *r, const char *text, size_t len)
{
    struct buf tidied = {0};
    struct json_oddities found;
    bool is_changed = json_tidy(text, len, &tidied, &found);
    errno = tidied.failed ? ENOMEM : 0;
    cJSON *json =
        tidied.failed ? NULL : cJSON_ParseWithLength(is_changed ? tidied.data : text, is_changed ? tidied.len : len);
    buf_free(&tidied);
    if (found.has_bad_bytes) odd(r, "a text", "is not UTF-8; U+FFFD stands for what is not");
    if (found.has_nul) odd(r, "a text", "holds U+0000; U+FFFD stands for it");
    if (found.has_half_pair) odd(r, "a text", "holds half a surrogate pair; U+FFFD stands for it");
    return json;
}

static const cJSON *member(struct object_reader *r, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(r->json, name);
    return cJSON_IsNull(value) ? NULL : value;
}

static void wrong(struct object_reader *r, const char *name, const char *expected)
{
    if (r->wrong_member) return;
    r->wrong_member = name;
    r->expected = expected;
}

static const char *text_of(struct object_reader *r, const char *name)
{
    const cJSON *value = member(r, name);
    if (value && !cJSON_IsString(value)) odd(r, name, "is not a text");
    return cJSON_GetStringValue(value);
}

/* A text that is stored with so many characters. */
static const char *short_text_of(struct object_reader *r, const char *name, size_t most, const char *what)
{
    const char *text = text_of(r, name);
    if (text && strlen(text) > most && utf8_length(text) > most) odd(r, name, what);
    return text;
}

static const char *name_of(struct object_reader *r)
{
    return short_text_of(r, "name", 255, "has more than 255 characters and is cut");
}

/* An identifier of a version: it may be missing, but not be something else. */
static const char *version_of(struct object_reader *r, const char *name)
{
    const cJSON *value = member(r, name);
    if (value && !cJSON_IsString(value)) wrong(r, name, "a text");
    return cJSON_GetStringValue(value);
}

/* A directory's, which is its path. */
static const char *path_of(struct object_reader *r, const char *name)
{
    const char *text = version_of(r, name);
    if (!text || !*text || strlen(text) >= PATH_LIMIT || strchr(text, CHAIN_SEPARATOR)) wrong(r, name, "an identifier");
    return text;
}

/* A GUID, as its key; the null GUID is one only where it is allowed. */
static const char *guid_of(struct object_reader *r, const char *name, bool may_be_null, char key[GUID_SIZE],
                           const char **spelled)
{
    *spelled = version_of(r, name);
    bool is_guid = *spelled && guid_key(*spelled, key);
    if (is_guid && (may_be_null || strcmp(key, LOGIKAL_NULL_GUID) != 0)) return key;
    wrong(r, name, "an identifier");
    return NULL;
}

static int64_t time_of(struct object_reader *r, const char *name)
{
    const cJSON *value = member(r, name);
    if (!value) return 0;
    double seconds = cJSON_IsNumber(value) ? value->valuedouble : -1;
    if (!(seconds >= 0 && seconds <= 253402300799.0)) { /* the year 9999 */
        odd(r, name, "is not a date in unix seconds");
        return 0;
    }
    return (int64_t)seconds;
}

static bool bool_of(struct object_reader *r, const char *name)
{
    const cJSON *value = member(r, name);
    if (value && !cJSON_IsBool(value)) odd(r, name, "is not true or false");
    return cJSON_IsTrue(value);
}

static bool number_of(struct object_reader *r, const char *name, double *out)
{
    const cJSON *value = member(r, name);
    if (!value) return false;
    if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble)) {
        odd(r, name, "is not a number");
        return false;
    }
    *out = value->valuedouble;
    return true;
}

static cJSON *open_object(struct object_reader *r, struct logikal_odd *odd, const char *text, size_t len)
{
    *r = (struct object_reader){.odd = odd};
    cJSON *json = parse(r, text, len);
    r->json = json;
    if (!json && errno == ENOMEM) r->has_no_memory = true;
    if (!json || !cJSON_IsObject(json)) wrong(r, "object", "a JSON object");
    return json;
}

static int close_object(struct object_reader *r, cJSON **json, const char *what, const char *id, struct err *err)
{
    if (!r->wrong_member) return 0;
    if (r->has_no_memory) return err_set(err, ERR_NOMEM, "no memory to read %s", what);
    int shown = id ? (int)utf8_cut(id, 80) : 99;
    int rc = err_set(err, ERR_INPUT, "%s %.*s: %s is not %s", what, shown, id ? id : "without identifier",
                     r->wrong_member, r->expected);
    cJSON_Delete(*json);
    *json = NULL;
    return rc;
}

int logikal_directory_read(const char *text, size_t len, struct logikal_directory *out, struct err *err)
{
    struct object_reader r;
    *out = (struct logikal_directory){0};
    out->json = open_object(&r, &out->odd, text, len);
    out->path = path_of(&r, "path");
    out->name = name_of(&r);
    return close_object(&r, &out->json, "directory", out->path, err);
}

int logikal_project_read(const char *text, size_t len, struct logikal_project *out, struct err *err)
{
    struct object_reader r;
    *out = (struct logikal_project){0};
    out->json = open_object(&r, &out->odd, text, len);
    out->id = guid_of(&r, "id", false, out->key, &out->upstream_id);
    out->name = name_of(&r);
    out->job_number = text_of(&r, "jobNumber");
    out->offer_number = text_of(&r, "offerNumber");
    out->person_in_charge = text_of(&r, "personInCharge");
    out->created_s = time_of(&r, "createdDate");
    out->changed_s = time_of(&r, "changedDate");
    out->is_deleted = bool_of(&r, "isDeleted");
    out->is_estimated = bool_of(&r, "estimated");
    out->has_estimated = cJSON_IsBool(member(&r, "estimated"));
    return close_object(&r, &out->json, "project", out->upstream_id, err);
}

int logikal_phase_read(const char *text, size_t len, struct logikal_phase *out, struct err *err)
{
    struct object_reader r;
    *out = (struct logikal_phase){0};
    out->json = open_object(&r, &out->odd, text, len);
    out->id = guid_of(&r, "id", true, out->key, &out->upstream_id);
    out->name = name_of(&r);
    out->description = text_of(&r, "description");
    return close_object(&r, &out->json, "phase", out->upstream_id, err);
}

int logikal_elevation_read(const char *text, size_t len, struct logikal_elevation *out, struct err *err)
{
    struct object_reader r;
    *out = (struct logikal_elevation){0};
    out->json = open_object(&r, &out->odd, text, len);
    out->id = guid_of(&r, "id", false, out->key, &out->upstream_id);
    out->version_id = version_of(&r, "versionId");
    out->name = name_of(&r);
    out->type = text_of(&r, "type");
    out->state = short_text_of(&r, "state", 50, "has more than 50 characters and is cut");
    out->automatic_description = text_of(&r, "automaticDescription");
    out->system_description = text_of(&r, "systemDescription");
    out->model_description = text_of(&r, "modelDescription");
    out->user_description = text_of(&r, "userDescription");
    out->created_s = time_of(&r, "createdDate");
    out->changed_s = time_of(&r, "changedDate");
    out->has_amount = number_of(&r, "amount", &out->amount);
    out->has_width = number_of(&r, "width", &out->width);
    out->has_height = number_of(&r, "height", &out->height);
    out->is_recycled = bool_of(&r, "isInRecycleBin");
    return close_object(&r, &out->json, "elevation", out->upstream_id, err);
}
