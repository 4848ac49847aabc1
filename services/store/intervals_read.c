/* Statements on the sync intervals (object_sync_configs): what is due when, per object type. */
#include "services/store/intervals_json.h"
#include "services/store/reads.h"

const struct query query_intervals_list = {
    .name = "intervals_list",
    .sql = "SELECT coalesce(json_agg(" INTERVAL_JSON " ORDER BY c.priority, c.id), '[]') FROM object_sync_configs c",
};

const struct query query_intervals_get = {
    .name = "intervals_get",
    .sql = "SELECT " INTERVAL_JSON " FROM object_sync_configs c WHERE c.object_type = $1",
};
