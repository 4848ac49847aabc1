/* Taking a new configuration: it is loaded and checked whole before anything changes, and then only the difference is
 * applied. */
#ifndef LOGIKALD_SUPERVISOR_RELOAD_H
#define LOGIKALD_SUPERVISOR_RELOAD_H

#include "supervisor/supervisor.h"

/* Loads and checks a configuration and the plan that follows from it: 0 and *conf (the caller's) and *plan, or a
 * negative error with everything as it was. */
int reload_prepare(const struct supervisor *s, struct conf **conf, struct plan *plan, struct err *err);

/* What a plan needs besides being well-formed: probes that can be asked, what web needs of the settings. */
int reload_check(const struct plan *plan, const struct conf *conf, struct err *err);

/* Prepares and applies: 0, or the error, which is logged too. */
int supervisor_reload(struct supervisor *s, struct err *err);

#endif
