/* What the timeline is made of and keeps itself: events of processes and episodes of problems. Written by web, swept by
 * the cleanup task. What they hold: migrations/0160_timeline.sql. */
#ifndef LOGIKALD_SERVICES_STORE_TIMELINE_H
#define LOGIKALD_SERVICES_STORE_TIMELINE_H

#include <stdint.h>

#include "conf/err.h"
#include "services/store/db/pool.h"

struct db;

/* (JSON list of events as ipc/flight.h reads them, days kept) -> nothing. What is there already, or too old to be kept,
 * changes nothing. */
extern const struct query query_flight_take;
/* (JSON list of {key, severity, part, cause, began_s, seen_s}: how long ago it began and was last seen, each key once)
 * -> nothing. Goes on with the episode that was there a moment ago. */
extern const struct query query_episodes_note;
extern const struct query query_episodes_end; /* () -> nothing: what nobody has seen for a while has ended */

int64_t timeline_sweep(struct db *db, int days, struct err *err); /* how many rows; negative: -ERR_ */

#endif
