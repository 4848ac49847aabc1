/* The objects of the upstream as its lists give them. Strict where it matters and tolerant elsewhere: only the
 * identifier and the version's identifier can refuse an object. Any other member that is missing or null is fine, and
 * one of the wrong type is left out and told in odd. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_OBJECTS_H
#define LOGIKALD_SERVICES_LOGIKAL_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>

#include "conf/err.h"
#include "conf/text/guid.h"

#define LOGIKAL_NULL_GUID "00000000-0000-0000-0000-000000000000"

/* What was odd about an object: static texts. */
struct logikal_odd {
    int count;
    struct {
        const char *member; /* "width" */
        const char *what;   /* "is not a number" */
    } items[16];
};

/* id is the key, one form for all spellings of a GUID, and belongs to the struct; upstream_id is the upstream's
 * spelling, for selects. The other texts belong to json and are NULL when absent; times are unix seconds, 0 when
 * absent. */
struct logikal_directory {
    cJSON *json;
    struct logikal_odd odd;
    const char *path, *name;
};
struct logikal_project {
    cJSON *json;
    struct logikal_odd odd;
    char key[GUID_SIZE];
    const char *id, *upstream_id, *name, *job_number, *offer_number, *person_in_charge;
    int64_t created_s, changed_s;
    bool is_deleted, is_estimated, has_estimated;
};
struct logikal_phase {
    cJSON *json;
    struct logikal_odd odd;
    char key[GUID_SIZE];
    const char *id, *upstream_id, *name, *description;
};
struct logikal_elevation {
    cJSON *json;
    struct logikal_odd odd;
    char key[GUID_SIZE];
    const char *id, *upstream_id, *version_id, *name, *type, *state;
    const char *automatic_description, *system_description, *model_description, *user_description;
    int64_t created_s, changed_s;
    double amount, width, height;
    bool has_amount, has_width, has_height, is_recycled;
};

/* Each reads one element's text: 0 (then cJSON_Delete(out->json)), -ERR_INPUT with what is wrong with it, or
 * -ERR_NOMEM. Bytes that are not UTF-8 are replaced. */
int logikal_directory_read(const char *text, size_t len, struct logikal_directory *out, struct err *err);
int logikal_project_read(const char *text, size_t len, struct logikal_project *out, struct err *err);
int logikal_phase_read(const char *text, size_t len, struct logikal_phase *out, struct err *err);
int logikal_elevation_read(const char *text, size_t len, struct logikal_elevation *out, struct err *err);

#endif
