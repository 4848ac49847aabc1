/* What somebody did on the console, noted where the pages show who did what (admin_actions). */
#ifndef LOGIKALD_SERVICES_STORE_AUDIT_H
#define LOGIKALD_SERVICES_STORE_AUDIT_H

#include "conf/conf.h"

/* command: its words, without secrets. Who: the user of the system, or whose sudo it was. Blocks for some seconds at
 * most; what cannot be noted is said on stderr. Without DATABASE_URL nothing is done. */
void audit_command(const struct conf *conf, const char *command);

#endif
