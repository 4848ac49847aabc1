/* The facts of which the verdict is made (problems.h), gathered in the background every few seconds, so that the
 * verdict is there at once, whatever is away. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_ALARMS_FACTS_H
#define LOGIKALD_SERVICES_WEB_WATCH_ALARMS_FACTS_H

#include <cjson/cJSON.h>

#include "services/web/web.h"

struct facts;
struct facts *facts_new(struct web *web); /* NULL without memory */
void facts_free(struct facts *f);         /* NULL is fine */

/* What problems_judge says of now, and "since" when the state is so and each problem has been there. Belongs to f and
 * lasts until the loop turns. */
const cJSON *facts_verdict(struct facts *f);

#endif
