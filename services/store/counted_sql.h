/* What is counted in several places as what could not be had: one rule for the verdict, the dashboard, the health
 * monitor and the alerts of the API. */
#ifndef LOGIKALD_SERVICES_STORE_COUNTED_SQL_H
#define LOGIKALD_SERVICES_STORE_COUNTED_SQL_H

/* Cursors of projects whose last reading failed, each with its name. One that is gone, or lies in what is excluded from
 * the sync, is not read again: nobody could mend it. */
#define FAILING_PROJECTS                                                                                               \
    "(WITH RECURSIVE excluded AS (SELECT id FROM directories WHERE exclude_from_sync"                                  \
    " UNION SELECT c.id FROM directories c JOIN excluded x ON c.parent_id = x.id)"                                     \
    " SELECT k.*, p.name FROM project_cursors k JOIN projects p ON p.id = k.project_id"                                \
    " WHERE k.failures > 0 AND p.deleted_at IS NULL AND coalesce(p.directory_id, 0) NOT IN (SELECT id FROM excluded))"

/* Of a row of elevations: it has a parts list that could not be read, or was not taken as none. */
#define IS_UNREADABLE "(deleted_at IS NULL AND parse_status IN ('failed', 'error', 'validation_failed'))"

#endif
