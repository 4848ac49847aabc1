/* Whoever asks for a dry run gets one, or is refused: never a real one. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_DRY_RUN_H
#define LOGIKALD_SERVICES_WEB_GATE_DRY_RUN_H

#include <stdbool.h>

#include "services/web/http/req.h"

/* After the body was read. False: a dry run is asked for where it is not looked for (an operation that has none,
 * another spelling, the body), and 422 was answered. */
bool dry_run_check(struct req *r);

#endif
