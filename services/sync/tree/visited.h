/* The directories that a walk has been to, so that it ends whatever the upstream lists: no directory below itself, none
 * in two places, none too deep. */
#ifndef LOGIKALD_SERVICES_SYNC_TREE_VISITED_H
#define LOGIKALD_SERVICES_SYNC_TREE_VISITED_H

#include <stdbool.h>
#include <stddef.h>

#define VISITED_DEPTH 128

struct visited {
    char **chains; /* a hash table; free places are NULL */
    size_t size, count;
};

enum visit {
    VISIT_NEW,
    VISIT_SAME,      /* listed twice in the same place */
    VISIT_ELSEWHERE, /* its identifier was met in another place: *other */
    VISIT_DEEP,      /* new, but what is below it is too deep */
    VISIT_NO_MEMORY
};

/* Is the last directory of a chain one of those above it? */
bool visited_is_cycle(const char *chain);
/* Notes the last directory of a chain as visited. other belongs to v. */
enum visit visited_add(struct visited *v, const char *chain, const char **other);
void visited_free(struct visited *v);

#endif
