/* Judges what ends at a time that is known: certificates. See problems.h. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_PROBLEMS_PROBLEMS_CERTIFICATES_H
#define LOGIKALD_SERVICES_WEB_WATCH_PROBLEMS_PROBLEMS_CERTIFICATES_H

#include "services/web/watch/problems/problem.h"

void judge_certificates(struct findings *f, const cJSON *facts);

#endif
