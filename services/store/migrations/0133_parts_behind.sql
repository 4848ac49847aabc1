-- parts_states: a list that was not taken ('refused': damaged, too large) is not one that is still to come; what cannot be
-- read is 'failed' also when it was refused as it came. behind: why the list that is read is not the newest one (Logikal
-- has another, which could not be had); null = it is.
CREATE OR REPLACE VIEW parts_states AS
    SELECT e.id AS elevation_id, e.name, e.phase_id, coalesce(h.project_id, e.project_id) AS project_id,
           coalesce(e.amount, 1)::double precision AS amount, v.number, v.sha256, v.file_row, v.valid_from, v.parsed_at,
           v.parts_count,
           CASE WHEN l.content IS NOT NULL THEN 'moving'
                WHEN v.parsed_at IS NOT NULL THEN 'read'
                WHEN v.number IS NOT NULL AND e.parse_status IN ('failed', 'validation_failed') THEN 'failed'
                WHEN v.number IS NOT NULL THEN 'waiting'
                WHEN l.error IS NOT NULL AND e.parse_status IN ('failed', 'validation_failed') THEN 'refused'
                WHEN e.has_parts_data OR l.error IS NOT NULL THEN 'missing'
                ELSE 'none' END AS state,
           CASE WHEN v.parsed_at IS NOT NULL THEN NULL
                WHEN v.number IS NOT NULL THEN e.parse_error ELSE l.error END AS error,
           CASE WHEN v.parsed_at IS NOT NULL THEN l.error END AS behind
    FROM elevations e
    LEFT JOIN phases h ON h.id = e.phase_id
    LEFT JOIN elevation_parts_lists l ON l.elevation_id = e.id
    LEFT JOIN parts_versions v ON v.elevation_id = e.id AND v.valid_to IS NULL
    WHERE e.deleted_at IS NULL;
