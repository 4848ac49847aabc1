/* Lines of a process's log for a page: each with its level, and those below a level left out. */
#ifndef LOGIKALD_SERVICES_WEB_UI_LOG_LINES_H
#define LOGIKALD_SERVICES_WEB_UI_LOG_LINES_H

#include <cjson/cJSON.h>

/* lines: texts, in our plain or JSON form or any other; a line without a level has that of the line before it (what a
 * program prints over several lines), at first info. least: debug, info, warning, error, critical; "" or another word:
 * all. A list of {text, level}, the caller's; NULL without memory. */
cJSON *log_lines_of(const cJSON *lines, const char *least);

#endif
