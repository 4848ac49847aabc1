/* Changes as one sentence for a chat (Slack's incoming webhooks; Mattermost and Rocket.Chat take the same). */
#ifndef LOGIKALD_SERVICES_FEED_SLACK_H
#define LOGIKALD_SERVICES_FEED_SLACK_H

#include <stdbool.h>
#include <cjson/cJSON.h>

#include "conf/text/buf.h"

/* {"text": "..."} about a list of changes. name: what the first one's object is called now, or NULL. */
void slack_changes(const cJSON *changes, const char *name, bool has_more, struct buf *body);

#endif
