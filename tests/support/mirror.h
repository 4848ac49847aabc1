/* A mirror of the elevations, as a client keeps one: taken from a snapshot, and kept up with the journal behind it. */
#ifndef LOGIKALD_TESTS_SUPPORT_MIRROR_H
#define LOGIKALD_TESTS_SUPPORT_MIRROR_H

#include "tests/support/web.h"

#define MIRROR_ROWS 20000

struct mirror {
    struct web_server *web;
    const char *token;
    char *names[MIRROR_ROWS]; /* by row; NULL: it is not there */
};

void mirror_clear(struct mirror *m);
/* Takes a snapshot into the mirror; cursor is where it ends. */
void mirror_begin(struct mirror *m, char cursor[4200]);
/* One page of at most limit changes, of which it applies the first ones and remembers how far it came: when it applied
 * none, the cursor stays. Is there more? */
bool mirror_follow(struct mirror *m, char cursor[4200], int limit, int most);
/* Pages of some sizes; some of them are left in the middle, or before their first change. */
void mirror_follow_somehow(struct mirror *m, char cursor[4200]);
/* Whether the cursor stands at the end of the journal, and of what ran while the snapshot was taken nothing is open. */
bool mirror_is_at_end(const struct mirror *m, const char *cursor);
/* With the table: fails the test at the first name that differs. */
void mirror_compare(const struct mirror *m);

#endif
