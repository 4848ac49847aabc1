/* When a file is fetched: said once, for elevations e, their thumbnails t and parts lists l. A parts list that the
 * upstream does not have (no content, no error) is asked for again after a day. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_SYNC_FILES_SQL_H
#define LOGIKALD_SERVICES_STORE_SYNC_SYNC_FILES_SQL_H

#define WANTS_THUMBNAIL                                                                                                \
    "(t.elevation_id IS NULL OR (t.version_id, t.changed_date) IS DISTINCT FROM (e.version_id, e.api_changed_date))"
#define WANTS_PARTS                                                                                                    \
    "(l.elevation_id IS NULL OR (l.version_id, l.changed_date) IS DISTINCT FROM (e.version_id, e.api_changed_date)"    \
    " OR (l.content IS NULL AND l.error IS NULL AND l.fetched_at < now() - interval '1 day'))"

#endif
