/* The one verdict on the dashboard: the worst of its parts, with a reason and an advice for each part that is not well.
 * A pure function of the page's data, so that it is tested by tables. */
#ifndef LOGIKALD_SERVICES_WEB_UI_VERDICT_H
#define LOGIKALD_SERVICES_WEB_UI_VERDICT_H

#include <cjson/cJSON.h>

/* data has switch, supervisor, stores, intervals, queues, counts (state.h, page.h); any may be
 * missing. {tone: ok|warn|bad, text, reasons: [{tone, text, advice}]}, worst first. The caller's. */
cJSON *ui_verdict(const cJSON *data);

#endif
