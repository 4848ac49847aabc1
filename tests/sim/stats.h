/* Counters that tests read: what was called, how it was answered, how sessions were treated. */
#ifndef LOGIKAL_SIM_STATS_H
#define LOGIKAL_SIM_STATS_H

#include <stdint.h>

#include "conf/text/buf.h"
#include "tests/sim/session.h"

/* Every call of the upstream's API has a name, under which it is counted and can be made to fail. */
enum endpoint {
    EP_AUTH,
    EP_LOGOUT,
    EP_VERSION,
    EP_DIRECTORIES,
    EP_DIRECTORIES_SELECT,
    EP_PROJECTS,
    EP_PROJECTS_SELECT,
    EP_PROJECT_SELECTED,
    EP_PROJECT_EDIT,
    EP_PROJECT_DELETE,
    EP_PHASES,
    EP_PHASES_SELECT,
    EP_ELEVATIONS,
    EP_ELEVATIONS_SELECT,
    EP_THUMBNAIL,
    EP_PARTS,
    EP_DRAWING,
    EP_UNKNOWN,
    EP_COUNT
};

struct stats {
    uint64_t calls[EP_COUNT];
    uint64_t statuses[600];
    uint64_t logins, logins_failed, logouts, cut, faults, bytes_out;
    unsigned in_flight, in_flight_peak;
    int64_t since_ms; /* wall time of the start or the last reset */
};

const char *endpoint_name(enum endpoint endpoint);
void stats_reset(struct stats *s, struct sessions *sessions);
void stats_add_json(const struct stats *s, const struct sessions *sessions, struct buf *out);

#endif
