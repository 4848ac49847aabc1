/* The world that is shown word by word (shown.h), beside the rows in tests/fixtures/shown/world.sql: what its Redis
 * holds, and what its supervisor has reported. */
#ifndef LOGIKALD_TESTS_SUPPORT_ANSWERS_SHOWN_WORLD_H
#define LOGIKALD_TESTS_SUPPORT_ANSWERS_SHOWN_WORLD_H

#include "tests/support/rig.h"

/* Tasks that wait, are scheduled, dead, running, and results of others. */
void shown_queue(struct rig *rig);
/* A report and a record in the run directory below support_dir(), which are not stale before the program ends. */
void shown_report(void);

#endif
