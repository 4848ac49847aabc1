/* The journal of changes for its page. See ui_browse.h for the form of statements. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_FEED_H
#define LOGIKALD_SERVICES_STORE_UI_UI_FEED_H

#include "services/store/db/pool.h"

/* (types split by commas, object's row id, project's row or Logikal id, before this cursor, at most) the newest first
 */
extern const struct query ui_query_journal;

#endif
