/* Members of JSON objects by name, with the case as it is written. */
#include "conf/text/json.h"

#include <math.h>

#include "conf/text/whole.h"

const cJSON *json_member(const cJSON *object, const char *name)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

const char *json_text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(json_member(object, name));
}

double json_number(const cJSON *object, const char *name, double otherwise)
{
    const cJSON *value = json_member(object, name);
    return cJSON_IsNumber(value) ? value->valuedouble : otherwise;
}

int64_t json_whole(const cJSON *object, const char *name, int64_t otherwise)
{
    double value = json_number(object, name, (double)otherwise);
    return isnan(value) ? otherwise : whole_of(value);
}
