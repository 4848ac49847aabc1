/* A copy of all objects with all their fields, kept as docs/feed.md tells to: from a snapshot on, by the changes behind
 * it. Of the web of feed.h. */
#ifndef LOGIKALD_TESTS_SUPPORT_COPY_H
#define LOGIKALD_TESTS_SUPPORT_COPY_H

#include <cjson/cJSON.h>

/* Objects by "type/id", each with its fields. */
struct copy {
    cJSON *objects;
    const char *types, *project; /* project: of one alone, or NULL */
    char cursor[4200];
};

void copy_begin(struct copy *c);
/* Takes the changes up to now; fails the test when it is not, in the end, what a new snapshot has. */
void copy_follow(struct copy *c, const char *after);
void copy_end(struct copy *c);

#endif
