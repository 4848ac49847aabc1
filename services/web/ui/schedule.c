/* The page of the schedule. */
#include "services/web/gate/handlers.h"
#include "services/web/jobs/schedule_link.h"
#include "services/web/ui/page.h"
#include "services/web/watch/state.h"

static void show(struct req *r, cJSON *schedule)
{
    static const struct ui_look look = {"schedule", "schedule", "Schedule", "queues children verdict"};
    struct ui_page *p = ui_page_new(r, &look);
    cJSON *data = ui_page_data(p);
    cJSON_AddItemToObject(data, "switch", state_switch(r->web));
    cJSON_AddItemToObject(data, "schedule", schedule);
    ui_page_go(p);
}

void web_ui_schedule(struct req *r)
{
    schedule_link_look(r, show);
}
