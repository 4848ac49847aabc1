/* The page of the schedule. */
#include "services/web/gate/handlers.h"
#include "services/web/http/fault.h"
#include "services/web/jobs/schedule_link.h"
#include "services/web/ui/page.h"
#include "services/web/watch/health/state.h"

static void show(struct req *r, cJSON *schedule, const struct err *err)
{
    static const struct ui_look look = {"schedule", "schedule", "Schedule", "queues children verdict"};
    struct ui_page *p = ui_page_new(r, &look);
    cJSON *data = ui_page_data(p);
    cJSON_AddItemToObject(data, "switch", state_switch(r->web));
    if (schedule) cJSON_AddItemToObject(data, "schedule", schedule);
    if (!r->web->queue)
        ui_page_fault(p, "Redis is not configured: set REDIS_URL. Without it there is no schedule.");
    else if (err)
        ui_page_fault(p, "%s", fault_told(r, err));
    ui_page_go(p);
}

void web_ui_schedule(struct req *r)
{
    if (r->web->queue)
        schedule_link_look(r, show);
    else
        show(r, NULL, NULL);
}
