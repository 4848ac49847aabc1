/* Webhooks for the API and the pages. owner: the client that asks, who sees its own alone; NULL for administrators.
 * Statements for pool_query; all parameters are text, lists are JSON. The result is a JSON object, or no row. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_FEED_WEBHOOKS_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_FEED_WEBHOOKS_READ_H

#include "services/store/db/pool.h"

#define WEBHOOKS_MAX "100"

/* urls: 'short' = scheme and host alone, for those who may look only; else whole */
extern const struct query query_webhook_list; /* (owner, urls) */
extern const struct query query_webhook_get;  /* (id, owner, urls) */
/* (url, format, types, projects, description, since, owner, sealed secret); no row: there are WEBHOOKS_MAX already */
extern const struct query query_webhook_add;
/* (id, owner, url, format, types, projects, description, state); what is NULL stays */
extern const struct query query_webhook_change;
extern const struct query query_webhook_delete; /* (id, owner) */
extern const struct query query_webhook_replay; /* (id, owner, since) */
extern const struct query
    query_webhook_rotate; /* (id, owner, hours that the former secrets still sign, sealed secret) */

extern const struct query query_webhooks_there; /* () -> are their tables there; the migrations may still come */
/* () -> is something due; seconds since a deliverer began last */
extern const struct query query_webhooks_waiting;

#endif
