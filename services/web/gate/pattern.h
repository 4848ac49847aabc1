/* The paths of the route table: "/api/v1/odoo/projects/{project_id}"; {name:int} takes digits, {name:path} the rest. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_PATTERN_H
#define LOGIKALD_SERVICES_WEB_GATE_PATTERN_H

#include <stdbool.h>

#include "services/web/http/message/framing.h"

#define PATTERN_PARAMS_MAX 4

/* Whether a path (percent-encoded) is of this pattern; a trailing slash more or less does not matter. Fills in what its
 * {name}s are, still encoded, and their number. */
bool pattern_matches(const char *pattern, struct framing_text path, struct framing_text params[PATTERN_PARAMS_MAX],
                     int *count);

#endif
