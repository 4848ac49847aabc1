/* See differs.h. */
#include "tests/support/answers/differs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/test.h"

cJSON *differs_parse(const char *text)
{
    char *json = strdup(text);
    for (char *p = json; *p; p++)
        if (*p == '\'') *p = '"';
    cJSON *out = cJSON_Parse(json);
    if (!out) fail_msg("no JSON: %s", json);
    free(json);
    return out;
}

void differs_merge(cJSON *to, const cJSON *from)
{
    const cJSON *each;
    int at = 0;
    cJSON_ArrayForEach(each, from) {
        cJSON *own = cJSON_IsArray(to) ? cJSON_GetArrayItem(to, at++) : cJSON_GetObjectItem(to, each->string);
        bool is_deep = own && (cJSON_IsObject(each) || cJSON_IsArray(each)) && own->type == each->type;
        if (is_deep)
            differs_merge(own, each);
        else if (cJSON_IsArray(to))
            cJSON_AddItemToArray(to, cJSON_Duplicate(each, true));
        else if (own)
            cJSON_ReplaceItemInObject(to, each->string, cJSON_Duplicate(each, true));
        else
            cJSON_AddItemToObject(to, each->string, cJSON_Duplicate(each, true));
    }
}

cJSON *differs_from(const char *base, const char *differs)
{
    cJSON *out = differs_parse(base), *other = differs_parse(differs);
    differs_merge(out, other);
    cJSON_Delete(other);
    return out;
}
