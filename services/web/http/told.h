/* What tasks and syncs say of themselves, in answers: for those who operate it as it is, for others without hosts,
 * ports and URLs (fault.h). */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_TOLD_H
#define LOGIKALD_SERVICES_WEB_HTTP_TOLD_H

#include "services/web/http/req.h"

/* JSON with its texts under "message", "error" and "errors" without places, however deep; to be freed, NULL without
 * memory. */
char *told_without_places(const char *json);

void told_reply_json(struct req *r, int status, const char *json);
void told_reply_take(struct req *r, int status, cJSON *json); /* which is freed */

#endif
