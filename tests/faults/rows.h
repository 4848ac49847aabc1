/* What the tables of faults share: rows_*.c, each with lanes of its own. */
#ifndef LOGIKALD_TESTS_FAULTS_ROWS_H
#define LOGIKALD_TESTS_FAULTS_ROWS_H

#include "tests/faults/faults.h"

#define COUNT(rows)             (int)(sizeof(rows) / sizeof *(rows))
#define APP_ENDS                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"
#define SET_TYPE(members, type) "sql: UPDATE object_sync_configs SET " members " WHERE object_type = '" type "'"

extern struct lane lane_postgres, lane_redis, lane_redis_away, lane_certificates, lane_processes, lane_queue, lane_copy,
    lane_feed, lane_alarms, lane_upstream, lane_address;

#endif
