/* What happened: processes, syncs, faults, deployments and what administrators did, under each other. */
#include <stdio.h>
#include <string.h>

#include "conf/text/json.h"
#include "services/store/web/watch/timeline_read.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/ui/page.h"
#include "services/web/watch/timeline/timeline_file.h"

#define SHOWN      100
#define SHOWN_TEXT "100"

/* Without PostgreSQL the run directory's part takes the place of all. */
static void prepare(struct ui_page *p)
{
    cJSON *data = ui_page_data(p), *kept = cJSON_DetachItemFromObjectCaseSensitive(data, "kept");
    cJSON *whole = cJSON_GetObjectItemCaseSensitive(data, "timeline");
    if (whole) {
        cJSON_AddTrueToObject(whole, "is_whole");
        cJSON_Delete(kept);
    } else {
        cJSON_AddItemToObject(data, "timeline", kept);
    }
    ui_page_pager(p, "before", json_text(json_member(data, "timeline"), "next"), "");
}

void web_ui_timeline(struct req *r)
{
    static const char *const names[] = {"kind", "since", "until"};
    static const struct ui_look look = {"timeline", "timeline", "Timeline", ""};
    const char *since, *until, *before = req_arg(r, "before"), *kind = req_arg(r, "kind");
    char days[16];
    if (!ui_page_period(r, &since, &until)) return;
    if (before && *before && !timeline_is_cursor(before)) {
        reply_invalid(r, "query", "before", "cursor", "next of the page before");
        return;
    }
    struct ui_page *p = ui_page_new(r, &look);
    const struct timeline_filter filter = {kind, since, until, before, SHOWN};
    const char *why = timeline_why_not(r->web);
    ui_page_filter(p, names, sizeof names / sizeof *names);
    cJSON_AddItemToObject(ui_page_data(p), "kept", timeline_from_file(r->web, &filter));
    snprintf(days, sizeof days, "%d", (int)conf_int(r->web->conf, SET_TIMELINE_DAYS));
    if (why)
        ui_page_fault(p, "%s.", why);
    else
        ui_page_sql(p, "timeline", &query_timeline, 6, (const char *[]){kind, since, until, before, SHOWN_TEXT, days});
    ui_page_before(p, prepare);
    ui_page_go(p);
}
