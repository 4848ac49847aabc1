/* After new program files have been put in place: which children still run the old ones, and their replacement. */
#ifndef LOGIKALD_SUPERVISOR_CHILD_UPGRADE_H
#define LOGIKALD_SUPERVISOR_CHILD_UPGRADE_H

#include "supervisor/supervisor.h"

void upgrade_note(struct child *c);         /* at its start: the file that it is started from */
bool upgrade_is_due(const struct child *c); /* that file is another one now */
void upgrade_begin(struct supervisor *s);   /* replaces all of them; `migrate` first */
/* True while the migrations of the new program have not been tried. */
bool upgrade_has_to_wait(const struct child *c);

#endif
