/* The accepted configuration, frozen: for each role, files in the run directory from which it reads what was last
 * loaded and found good. Nothing is left to fill in or to include in them, and no secret is there that the role has no
 * use for. A file that is half-edited or faulty cannot hurt a child that is restarted meanwhile; nothing changes until
 * a reload has accepted it. */
#ifndef LOGIKALD_SUPERVISOR_PLAN_FREEZE_H
#define LOGIKALD_SUPERVISOR_PLAN_FREEZE_H

#include "supervisor/supervisor.h"

/* Writes the files of this configuration; on an error those that were there stay. */
int freeze_accept(const struct supervisor *s, const struct conf *conf, struct err *err);
/* Writes again what somebody has removed. */
void freeze_keep(const struct supervisor *s);
void freeze_remove(const struct supervisor *s);

enum freeze_kind { FREEZE_FILE, FREEZE_ENV, FREEZE_OVERRIDES, FREEZE_KINDS };
/* Where a role finds the files of this kind; returns out. */
const char *freeze_path(const struct supervisor *s, const char *role, enum freeze_kind kind, char out[PATH_MAX]);

#endif
