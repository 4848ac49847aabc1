/* Stars in place of secrets in JSON that is shown or kept. */
#include "ipc/mask.h"

#include <string.h>

static bool is_secret(const char *name)
{
    static const char *const words[] = {"password", "passwd", "secret",        "token",
                                        "api_key",  "apikey", "authorization", "credential"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasestr(name, words[i])) return true;
    return false;
}

/* By its place: of two members with one name both are masked. */
static void replace(cJSON *object, cJSON *member, cJSON *masked)
{
    masked->string = strdup(member->string);
    if (!masked->string || !cJSON_ReplaceItemViaPointer(object, member, masked)) {
        cJSON_Delete(masked);
        cJSON_Delete(cJSON_DetachItemViaPointer(object, member));
    }
}

bool mask_secrets(cJSON *value)
{
    bool has_masked = false;
    if (!cJSON_IsArray(value) && !cJSON_IsObject(value)) return false;
    for (cJSON *each = value->child, *next; each; each = next) {
        next = each->next;
        if (each->string && is_secret(each->string) && !cJSON_IsNull(each)) {
            cJSON *masked = cJSON_CreateString("***");
            if (masked) replace(value, each, masked);
            has_masked = true;
        } else if (mask_secrets(each)) {
            has_masked = true;
        }
    }
    return has_masked;
}
