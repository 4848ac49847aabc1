/* What administrators did, in words: a template has a sentence for each kind. */
#ifndef LOGIKALD_SERVICES_WEB_UI_ACTION_WORDS_H
#define LOGIKALD_SERVICES_WEB_UI_ACTION_WORDS_H

#include <cjson/cJSON.h>

/* actions: a list with method, path and detail each; gets "what", the kind, and "of", what it was done to. An operation
 * without a kind has neither, and is told as it was sent. */
void action_words_add(cJSON *actions);
/* What the supervisor recorded of what it was told, the newest first: [{at, event, child, text, detail}], the caller's.
 */
cJSON *action_recorded(const char *run_dir);

#endif
