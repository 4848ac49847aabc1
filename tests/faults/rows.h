/* What the tables of faults share: rows_*.c, each with lanes of its own. */
#ifndef LOGIKALD_TESTS_FAULTS_ROWS_H
#define LOGIKALD_TESTS_FAULTS_ROWS_H

#include "tests/faults/faults.h"

#define COUNT(rows) (int)(sizeof(rows) / sizeof *(rows))
/* After what was decided before: in a transaction of its own, and once more for who was just coming in. */
#define APP_ENDS_NOW            "sql: SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"
#define APP_ENDS                APP_ENDS_NOW "\nsql: SELECT pg_sleep(0.3)\n" APP_ENDS_NOW
#define SET_TYPE(members, type) "sql: UPDATE object_sync_configs SET " members " WHERE object_type = '" type "'"

extern struct lane lane_postgres, lane_redis, lane_redis_away, lane_certificates, lane_processes, lane_queue, lane_copy,
    lane_feed, lane_alarms, lane_upstream, lane_address;

#endif
