/* The objects of the upstream as its lists give them. Strict where it matters and tolerant elsewhere: an identifier
 * must be there, a member that is missing or null is fine, a member of the wrong type refuses this object alone. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_OBJECTS_H
#define LOGIKALD_SERVICES_LOGIKAL_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>

#include "conf/err.h"

#define LOGIKAL_NULL_GUID "00000000-0000-0000-0000-000000000000"

/* Texts belong to json and are NULL when absent; times are unix seconds, 0 when absent. */
struct logikal_directory {
    cJSON *json;
    const char *path, *name;
};
struct logikal_project {
    cJSON *json;
    const char *id, *name, *job_number, *offer_number, *person_in_charge;
    int64_t created_s, changed_s;
    bool is_deleted, is_estimated;
};
struct logikal_phase {
    cJSON *json;
    const char *id, *name, *description;
};
struct logikal_elevation {
    cJSON *json;
    const char *id, *version_id, *name, *type, *state;
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
