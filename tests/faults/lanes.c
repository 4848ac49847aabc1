/* All lanes, in the order of the documentation. */
#include "tests/faults/rows.h"

struct lane *const lanes[] = {&lane_postgres, &lane_redis_away, &lane_redis,     &lane_certificates,
                              &lane_upstream, &lane_address,    &lane_processes, &lane_queue,
                              &lane_copy,     &lane_feed,       &lane_alarms,    NULL};
