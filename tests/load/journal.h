/* The journal of changes as PostgreSQL has it, and whether those who follow the feed were told all of it, in order. */
#ifndef LOGIKALD_TESTS_LOAD_JOURNAL_H
#define LOGIKALD_TESTS_LOAD_JOURNAL_H

#include "tests/load/load.h"

bool journal_is_behind(struct pg_server *pg, const char *cursor); /* there is nothing after this cursor */
/* Where what somebody was told (a line "CURSOR type operation row" each) parts from the journal since the cursor; ""
 * when they are the same; free() it. *count: the lines up to there. */
char *journal_difference(struct pg_server *pg, const char *from, const char *told, size_t *count);

/* The load's follower has ended with the load. False: it has not all, and whoever took its cursor has gone on by one
 * page. */
bool follower_has_all(struct load *l);
char *follower_difference(struct load *l, size_t *count); /* as journal_difference, of all that it was told */
bool follower_has_begun(const struct load *l);            /* it has its first cursor */

#endif
