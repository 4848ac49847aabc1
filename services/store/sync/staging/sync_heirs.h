/* An excluded directory that comes back under another path is excluded there, too. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_HEIRS_H
#define LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_HEIRS_H

#include "conf/err.h"

struct stage;

/* In the transaction that has stored the stage's directories: one that is new and has the projects of an excluded one
 * that the walk did not see, or its name below a new parent while the former parent was not seen either, starts
 * excluded, and gets the projects that are stored of it. Each is told to the stage. */
int heirs_exclude(const struct stage *stage, struct err *err);

#endif
