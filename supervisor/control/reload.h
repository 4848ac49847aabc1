/* Taking a new configuration: it is loaded and checked whole before anything changes, and then only the difference is
 * applied. */
#ifndef LOGIKALD_SUPERVISOR_CONTROL_RELOAD_H
#define LOGIKALD_SUPERVISOR_CONTROL_RELOAD_H

#include "supervisor/supervisor.h"

/* What a plan needs besides being well-formed: probes that can be asked, what web needs of the settings. */
int reload_check(const struct plan *plan, const struct conf *conf, struct err *err);

/* Loads, checks, applies: 0, or the error, which is logged too; then everything is as it was. */
int supervisor_reload(struct supervisor *s, struct err *err);

#endif
