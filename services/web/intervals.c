/* Sync intervals: what is synced how often (object_sync_configs), as an API and as a page. */
#include "services/store/reads.h"
#include "services/web/handlers.h"
#include "services/web/reply.h"

void web_intervals_list(struct req *r)
{
    req_json(r, &query_intervals_list, 0, NULL, NULL);
}

void web_intervals_get(struct req *r)
{
    req_json(r, &query_intervals_get, 1, (const char *[]){req_param(r, 0)}, "No such object type");
}
