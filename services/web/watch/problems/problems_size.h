/* The part of the verdict that is about the room for all of it: a database that is nearly full, or soon will be, or
 * does not keep what is large. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_PROBLEMS_PROBLEMS_SIZE_H
#define LOGIKALD_SERVICES_WEB_WATCH_PROBLEMS_PROBLEMS_SIZE_H

#include "services/web/watch/problems/problem.h"

void judge_size(struct findings *f, const cJSON *facts);
void judge_bills(struct findings *f, const cJSON *facts);

#endif
