/* A chain as lines for people. */
#ifndef LOGIKALD_SERVICES_WHY_PRINT_H
#define LOGIKALD_SERVICES_WHY_PRINT_H

#include <cjson/cJSON.h>

#include "conf/text/buf.h"

void why_print(struct buf *out, const cJSON *chain);
void why_print_candidates(struct buf *out, const cJSON *candidates);

#endif
