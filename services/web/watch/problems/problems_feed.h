/* The part of the verdict that is about those who are told of changes: webhooks that fail, and that are paused for it;
 * and a transaction that keeps changes from all of them. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_PROBLEMS_PROBLEMS_FEED_H
#define LOGIKALD_SERVICES_WEB_WATCH_PROBLEMS_PROBLEMS_FEED_H

#include "services/web/watch/problems/problem.h"

void judge_feed(struct findings *f, const cJSON *facts);

#endif
