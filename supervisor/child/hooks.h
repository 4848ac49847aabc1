/* What the wings above the children give them, so that they know none of these: supervise.c has the one table. */
#ifndef LOGIKALD_SUPERVISOR_CHILD_HOOKS_H
#define LOGIKALD_SUPERVISOR_CHILD_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

struct child;
struct supervisor;

struct child_hooks {
    void (*place_needed)(struct supervisor *s); /* a child starts, and will read what is in the run directory */
    void (*line)(struct supervisor *s, const struct child *c, const char *text,
                 size_t len);              /* a child has written it */
    void (*changed)(struct supervisor *s); /* a child's state, or what it says of itself */
    void (*settled)(struct supervisor *s); /* all that could be started and stopped has been */
    bool (*oom_happened)(
        struct supervisor *s); /* true when the kernel killed for lack of memory since the last question */
};

#endif
