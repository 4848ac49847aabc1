/* What keeps phases apart in the schema: shown, and made when it is missing. */
#include "services/store/web/phase_constraint.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

void web_phase_constraints(struct req *r)
{
    req_json(r, &query_phase_constraints, 0, NULL, NULL);
}

static void then_fixed(struct req *r, const PGresult *result)
{
    (void)result;
    reply_json(r, 200, "{\"success\":true,\"message\":\"Phases are unique by logikal_id and project_id\"}");
}

void web_phase_constraint_fix(struct req *r)
{
    req_query(r, &query_phase_constraint_fix, 0, NULL, then_fixed);
}
