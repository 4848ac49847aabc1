/* Why something is as it is, for programs; also while PostgreSQL or Redis is away. Everything, or for whoever may read
 * elevations the objects alone. */
#include <stdlib.h>
#include <string.h>

#include "services/web/gate/handlers.h"
#include "services/web/http/fault.h"
#include "services/web/http/reply.h"
#include "services/web/jobs/why_link.h"
#include "services/why/subject.h"

#define RETRY_S 5

/* Hosts, ports and URLs in texts are for those who operate it. */
static void without_places(cJSON *json)
{
    for (cJSON *each = json->child; each; each = each->next) {
        char *told = cJSON_IsString(each) ? fault_text_without_places(each->valuestring) : NULL;
        if (told) cJSON_SetValuestring(each, told);
        free(told);
        without_places(each);
    }
}

static void reply_answer(struct req *r, const struct why_answer *answer, bool objects_only)
{
    if (!answer->chain && !answer->candidates->child) {
        if (answer->is_unsure)
            reply_unavailable(r, RETRY_S, "%s", answer->unknown);
        else
            reply_fault(r, 404, "NOT_FOUND", "%s", answer->unknown);
        return;
    }
    cJSON *out = answer->chain ? cJSON_Duplicate(answer->chain, true) : cJSON_CreateObject();
    if (objects_only) without_places(out);
    if (!answer->chain) {
        cJSON *list = cJSON_AddArrayToObject(out, "candidates");
        const cJSON *each;
        if (subject_is_cut(answer->candidates)) cJSON_AddTrueToObject(out, "is_cut");
        cJSON_ArrayForEach(each, answer->candidates) {
            cJSON *one = cJSON_Duplicate(each, true);
            cJSON_DeleteItemFromObjectCaseSensitive(one, "key");
            cJSON_AddItemToArray(list, one);
        }
    }
    reply_cjson_take(r, 200, out);
}

static void on_answer(struct req *r, const struct why_answer *answer)
{
    reply_answer(r, answer, false);
}

static void on_object(struct req *r, const struct why_answer *answer)
{
    reply_answer(r, answer, true);
}

void web_why(struct req *r)
{
    why_link_ask(r, req_arg(r, "of"), false, on_answer);
}

void web_why_object(struct req *r)
{
    why_link_ask(r, req_arg(r, "of"), true, on_object);
}
