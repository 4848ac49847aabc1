/* Changing all tasks that a filter of the Tasks page matches, also those that the page does not show. */
#ifndef LOGIKALD_SERVICES_WEB_UI_BULK_H
#define LOGIKALD_SERVICES_WEB_UI_BULK_H

#include <stdbool.h>
#include <cjson/cJSON.h>

/* Is text (any case) in the id, task, reason, queue or worker of an entry of queue_list? */
bool ui_bulk_matches(const cJSON *entry, const char *text);

#endif
