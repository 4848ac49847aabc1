/* Why something is as it is: one chain of causes in plain words, from facts. See explain.h. */
#include "services/why/explain.h"

#include <string.h>

#include "services/why/link.h"

static const struct {
    const char *kind;
    cJSON *(*explain)(const cJSON *facts, const char *key);
} kinds[] = {
    {"type", why_type},           {"queue", why_queue},     {"process", why_process},     {"task", why_task},
    {"directory", why_directory}, {"project", why_project}, {"elevation", why_elevation},
};

cJSON *why_explain(const cJSON *facts)
{
    const char *kind = fact_text(facts, "kind"), *name = fact_text(facts, "name");
    cJSON *out = cJSON_CreateObject(), *link = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].kind, kind) == 0) link = kinds[i].explain(facts, fact_text(facts, "key"));
    if (!link) link = why_link(WHY_UNKNOWN, "Nothing is known of it");
    cJSON_AddStringToObject(out, "of", fact_text(facts, "of"));
    cJSON_AddStringToObject(out, "kind", kind);
    cJSON_AddStringToObject(out, "name", *name ? name : fact_text(facts, "key"));
    cJSON_AddStringToObject(out, "state", why_state_word(why_worst(link)));
    cJSON_AddItemToObject(out, "chain", link);
    return out;
}
