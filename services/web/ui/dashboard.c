/* The first page, and the sync intervals: is the data fresh, and if not, why. */
#include "services/store/ui/ui_intervals.h"
#include "services/store/ui/ui_logs.h"
#include "services/store/ui/ui_overview.h"
#include "services/web/gate/handlers.h"
#include "services/web/ui/page.h"
#include "services/web/watch/health/state.h"
#include "services/web/watch/alarms/facts.h"

void web_ui_home(struct req *r)
{
    static const struct ui_look look = {"dashboard", "dashboard", "Dashboard",
                                        "intervals logs runs queues children stores verdict"};
    struct ui_page *p = ui_page_new(r, &look);
    cJSON *data = ui_page_data(p);
    cJSON_AddItemToObject(data, "verdict", cJSON_Duplicate(facts_verdict(r->web->facts), true));
    cJSON_AddItemToObject(data, "switch", state_switch(r->web));
    cJSON_AddItemToObject(data, "supervisor", state_children(r->web));
    cJSON_AddItemToObject(data, "stores", state_stores(r->web));
    ui_page_sql(p, "intervals", &ui_query_intervals, 0, NULL);
    ui_page_sql(p, "counts", &ui_query_counts, 0, NULL);
    ui_page_sql(p, "hours", &ui_query_hours, 0, NULL);
    ui_page_sql(p, "memory", &ui_query_memory, 0, NULL);
    ui_page_sql(p, "runs", &ui_query_runs, 3, (const char *[]){"running", "", "10"});
    ui_page_stats(p, "queues");
    ui_page_list(p, "workers", QUEUE_WORKERS, NULL, 0, 50);
    ui_page_go(p);
}

void web_ui_sync_intervals(struct req *r)
{
    static const struct ui_look look = {"sync-intervals", "intervals", "Sync intervals", "intervals"};
    struct ui_page *p = ui_page_new(r, &look);
    cJSON_AddItemToObject(ui_page_data(p), "switch", state_switch(r->web));
    ui_page_sql(p, "intervals", &ui_query_intervals, 0, NULL);
    ui_page_go(p);
}
