/* Stars in place of secrets in JSON that is shown or kept. */
#include "ipc/mask.h"

#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/text/hide.h"

/* By its place: of two members with one name both are masked. */
static void replace(cJSON *object, cJSON *member, cJSON *masked)
{
    masked->string = strdup(member->string);
    if (!masked->string || !cJSON_ReplaceItemViaPointer(object, member, masked)) {
        cJSON_Delete(masked);
        cJSON_Delete(cJSON_DetachItemViaPointer(object, member));
    }
}

char *mask_text(const char *text)
{
    struct buf out = {0};
    if (!hide_secrets(&out, text, false)) return strdup(text);
    return buf_steal(&out);
}

static bool mask_string(cJSON *value)
{
    struct buf out = {0};
    if (!hide_secrets(&out, value->valuestring, false)) return false;
    if (out.failed || !cJSON_SetValuestring(value, out.data)) value->valuestring[0] = '\0';
    buf_free(&out);
    return true;
}

bool mask_secrets(cJSON *value)
{
    bool has_masked = false;
    if (cJSON_IsString(value)) return mask_string(value);
    if (!cJSON_IsArray(value) && !cJSON_IsObject(value)) return false;
    for (cJSON *each = value->child, *next; each; each = next) {
        next = each->next;
        if (each->string && hide_is_secret_name(each->string) && !cJSON_IsNull(each)) {
            cJSON *masked = cJSON_CreateString("***");
            if (masked) replace(value, each, masked);
            has_masked = true;
        } else if (mask_secrets(each)) {
            has_masked = true;
        }
    }
    return has_masked;
}
