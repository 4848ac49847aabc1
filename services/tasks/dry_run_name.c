/* Names that are not known are ignored, but for those that ask for a dry run: the price of that mistake is a real one.
 */
#include "services/tasks/dry_run_name.h"

#include <ctype.h>

bool dry_run_is_meant(const char *name)
{
    const char *letters = "dryrun";
    for (; *name; name++) {
        if (*name == '_' || *name == '-') continue;
        if (tolower((unsigned char)*name) != *letters) return false;
        letters++;
    }
    return !*letters;
}

const char *dry_run_member(const cJSON *object)
{
    for (const cJSON *m = cJSON_IsObject(object) ? object->child : NULL; m; m = m->next)
        if (m->string && dry_run_is_meant(m->string)) return m->string;
    return NULL;
}
