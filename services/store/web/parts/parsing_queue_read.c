/* Parts lists that wait to be read, or were. */
#include "services/store/web/parts/parsing_queue_read.h"

const struct query query_parsing_wanted = {
    .name = "parsing_wanted",
    .sql =
        "SELECT coalesce(json_agg(id ORDER BY id), '[]') FROM (SELECT id FROM elevations WHERE deleted_at IS NULL AND"
        " has_parts_data AND parse_status IN ('pending', 'failed', 'partial') ORDER BY id LIMIT 1000) e",
};

const struct query query_parsing_completed = {
    .name = "parsing_completed",
    .sql = "SELECT json_build_object('success', true, 'data', coalesce(json_object_agg(id, "
           "json_build_object('elevation_id',"
           " id, 'name', name, 'status', parse_status, 'error', parse_error, 'completed_at', data_parsed_at)), '{}'),"
           " 'count', count(*)) FROM (SELECT id, name, parse_status, parse_error, data_parsed_at FROM elevations WHERE"
           " data_parsed_at > coalesce((SELECT at FROM web_marks WHERE name = 'parsing_cleared'), now() -"
           " interval '1 day') ORDER BY data_parsed_at DESC LIMIT 500) e",
};

const struct query query_parsing_clear = {
    .name = "parsing_clear",
    .sql =
        "INSERT INTO web_marks (name, at) VALUES ('parsing_cleared', now()) ON CONFLICT (name) DO UPDATE SET at = now()"
        " RETURNING json_build_object('success', true, 'message', 'Finished tasks are no longer shown')",
};

const struct query query_parsing_counts = {
    .name = "parsing_counts",
    .sql = "SELECT coalesce(json_object_agg(parse_status, n), '{}') FROM (SELECT parse_status, count(*) AS n FROM"
           " elevations WHERE deleted_at IS NULL AND has_parts_data GROUP BY 1) t",
};
