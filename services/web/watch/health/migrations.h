/* Whether the database is as this program needs it: every migration that the program carries has been applied, and the
 * tables of these names are ours. Whoever
 * migrates may come later than the web process, so it is asked again until it is so. Migrations that only the database
 * knows come from a newer program (a deploy under way); they are additive, and do not matter here. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_HEALTH_MIGRATIONS_H
#define LOGIKALD_SERVICES_WEB_WATCH_HEALTH_MIGRATIONS_H

#include "services/web/web.h"

enum migrations_state { MIGRATIONS_UNKNOWN, MIGRATIONS_MISSING, MIGRATIONS_FOREIGN, MIGRATIONS_DONE };

struct migrations {
    struct web *web;
    enum migrations_state state; /* as last seen */
    int missing, newer;
    char first_missing[64];
    char foreign[400];             /* whose tables these are not */
    void (*done)(struct web *web); /* called each time when they are found to be done */
    bool is_asking;
};

/* Asks PostgreSQL; the state is known later, from the loop. Nothing while an answer is awaited. */
void migrations_ask(struct migrations *m);

#endif
