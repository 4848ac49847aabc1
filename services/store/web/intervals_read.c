/* Statements on the sync intervals (object_sync_configs): what is due when, per object type. */
#include "services/store/web/intervals_read.h"
#include "services/store/web/intervals_json.h"

const struct query query_intervals_list = {
    .name = "intervals_list",
    .sql = "SELECT coalesce(json_agg(" INTERVAL_JSON " ORDER BY c.priority, c.id), '[]') FROM object_sync_configs c",
};

const struct query query_intervals_get = {
    .name = "intervals_get",
    .sql = "SELECT " INTERVAL_JSON " FROM object_sync_configs c WHERE c.object_type = $1",
};

const struct query query_retry_limits = {
    .name = "retry_limits",
    .sql = "SELECT coalesce(max(max_retry_attempts), 0), coalesce(max(retry_delay_minutes), 0) * 60"
           " FROM object_sync_configs WHERE is_sync_enabled",
};
