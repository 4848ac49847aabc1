/* Reading the upstream's objects: see objects.h. */
#include "services/logikal/objects.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/utf8.h"
#include "services/logikal/place.h"

/* NULL when it is no JSON, or, with errno ENOMEM, without memory. */
static cJSON *parse(const char *text, size_t len)
{
    errno = 0;
    if (utf8_is_valid(text, len)) return cJSON_ParseWithLength(text, len);
    char *copy = malloc(len);
    if (!copy) return NULL;
    memcpy(copy, text, len);
    utf8_repair(copy, len);
    cJSON *json = cJSON_ParseWithLength(copy, len);
    free(copy);
    return json;
}

/* One object at hand, and the first thing that is wrong with it. */
struct reader {
    const cJSON *json;
    const char *wrong_member, *expected;
    bool has_no_memory;
};

static const cJSON *member(struct reader *r, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(r->json, name);
    return cJSON_IsNull(value) ? NULL : value;
}

static void wrong(struct reader *r, const char *name, const char *expected)
{
    if (r->wrong_member) return;
    r->wrong_member = name;
    r->expected = expected;
}

static const char *text_of(struct reader *r, const char *name)
{
    const cJSON *value = member(r, name);
    if (value && !cJSON_IsString(value)) wrong(r, name, "a text");
    return cJSON_GetStringValue(value);
}

static const char *id_of(struct reader *r, const char *name, size_t limit)
{
    const char *text = text_of(r, name);
    if (!text || !*text || strlen(text) >= limit || strchr(text, CHAIN_SEPARATOR)) wrong(r, name, "an identifier");
    return text;
}

static int64_t time_of(struct reader *r, const char *name)
{
    const cJSON *value = member(r, name);
    if (!value) return 0;
    double seconds = cJSON_IsNumber(value) ? value->valuedouble : -1;
    if (!(seconds >= 0 && seconds <= 253402300799.0)) { /* the year 9999 */
        wrong(r, name, "unix seconds");
        return 0;
    }
    return (int64_t)seconds;
}

static bool bool_of(struct reader *r, const char *name)
{
    const cJSON *value = member(r, name);
    if (value && !cJSON_IsBool(value)) wrong(r, name, "true or false");
    return cJSON_IsTrue(value);
}

static bool number_of(struct reader *r, const char *name, double *out)
{
    const cJSON *value = member(r, name);
    if (!value) return false;
    if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble)) {
        wrong(r, name, "a number");
        return false;
    }
    *out = value->valuedouble;
    return true;
}

static cJSON *open_object(struct reader *r, const char *text, size_t len)
{
    cJSON *json = parse(text, len);
    *r = (struct reader){.json = json};
    if (!json && errno == ENOMEM) r->has_no_memory = true;
    if (!json || !cJSON_IsObject(json)) wrong(r, "object", "a JSON object");
    return json;
}

static int close_object(struct reader *r, cJSON **json, const char *what, const char *id, struct err *err)
{
    if (!r->wrong_member) return 0;
    if (r->has_no_memory) return err_set(err, ERR_NOMEM, "no memory to read %s", what);
    int rc = err_set(err, ERR_INPUT, "%s %.80s: %s is not %s", what, id ? id : "without identifier", r->wrong_member,
                     r->expected);
    cJSON_Delete(*json);
    *json = NULL;
    return rc;
}

int logikal_directory_read(const char *text, size_t len, struct logikal_directory *out, struct err *err)
{
    struct reader r;
    *out = (struct logikal_directory){.json = open_object(&r, text, len)};
    out->path = id_of(&r, "path", 4096);
    out->name = text_of(&r, "name");
    return close_object(&r, &out->json, "directory", out->path, err);
}

int logikal_project_read(const char *text, size_t len, struct logikal_project *out, struct err *err)
{
    struct reader r;
    *out = (struct logikal_project){.json = open_object(&r, text, len)};
    out->id = id_of(&r, "id", LOGIKAL_ID_SIZE);
    out->name = text_of(&r, "name");
    out->job_number = text_of(&r, "jobNumber");
    out->offer_number = text_of(&r, "offerNumber");
    out->person_in_charge = text_of(&r, "personInCharge");
    out->created_s = time_of(&r, "createdDate");
    out->changed_s = time_of(&r, "changedDate");
    out->is_deleted = bool_of(&r, "isDeleted");
    out->is_estimated = bool_of(&r, "estimated");
    return close_object(&r, &out->json, "project", out->id, err);
}

int logikal_phase_read(const char *text, size_t len, struct logikal_phase *out, struct err *err)
{
    struct reader r;
    *out = (struct logikal_phase){.json = open_object(&r, text, len)};
    out->id = id_of(&r, "id", LOGIKAL_ID_SIZE);
    out->name = text_of(&r, "name");
    out->description = text_of(&r, "description");
    return close_object(&r, &out->json, "phase", out->id, err);
}

int logikal_elevation_read(const char *text, size_t len, struct logikal_elevation *out, struct err *err)
{
    struct reader r;
    *out = (struct logikal_elevation){.json = open_object(&r, text, len)};
    out->id = id_of(&r, "id", LOGIKAL_ID_SIZE);
    out->version_id = text_of(&r, "versionId");
    out->name = text_of(&r, "name");
    out->type = text_of(&r, "type");
    out->state = text_of(&r, "state");
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
    return close_object(&r, &out->json, "elevation", out->id, err);
}
