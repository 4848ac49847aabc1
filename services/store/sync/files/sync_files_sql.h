/* When a file is fetched: said once, for elevations e, their thumbnails t and parts lists l. One that is missing, of
 * another version or damaged is; one that failed for this very version is when its delay is over. A parts list that the
 * upstream does not have (no sha256, no error) is asked for again after a day, and one that could not be read after a
 * growing delay. A forced run asks for every file that
 * was not asked for since it began: run is the parameter with its id (0 = none). */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_FILES_SYNC_FILES_SQL_H
#define LOGIKALD_SERVICES_STORE_SYNC_FILES_SYNC_FILES_SQL_H

#define FORCED_SINCE(run) "(SELECT started_at FROM sync_runs WHERE id = " run "::bigint AND is_forced)"
#define WANTS_FILE(x, run)                                                                                             \
    "(" x ".elevation_id IS NULL OR coalesce(coalesce(" x ".tried_at, " x                                              \
    ".fetched_at) < " FORCED_SINCE(run) ", false)"                                                                     \
                                        " OR (((" x ".version_id, " x                                                  \
                                        ".changed_date) IS DISTINCT FROM (e.version_id, e.api_changed_date)"           \
                                        "   OR " x ".error IS NOT NULL)"                                               \
                                        "  AND NOT coalesce(" x ".retry_at > now() AND (" x ".failed_version, " x      \
                                        ".failed_date)"                                                                \
                                        "   IS NOT DISTINCT FROM (e.version_id, e.api_changed_date), false))"

#define WANTS_THUMBNAIL(run) WANTS_FILE("t", run) ")"
#define WANTS_PARTS(run)                                                                                               \
    WANTS_FILE("l", run)                                                                                               \
    " OR (l.sha256 IS NULL AND l.error IS NULL AND l.fetched_at < now() - interval '1 day')"                           \
    " OR (e.parse_status = 'failed' AND l.sha256 IS NOT NULL AND"                                                      \
    "  coalesce(l.retry_at, l.fetched_at + interval '1 minute') <= now()))"

#endif
