/* Beat alone, of build/logikald-beat: it needs none of PostgreSQL's client, curl, and what those bring with them, whose
 * relocated data is memory of each process that they are loaded in. */
#include <stddef.h>

#include "services/role.h"

const struct role roles[] = {{"beat", beat_main, NULL, true}, {0}};
