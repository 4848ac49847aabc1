/* The verdict for programs: answered from memory, also while PostgreSQL and Redis are away. */
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/watch/alarms/facts.h"

void web_verdict(struct req *r)
{
    reply_cjson_take(r, 200, cJSON_Duplicate(facts_verdict(r->web->facts), true));
}
