/* Tasks that end in every way, and what the history is to say of each. */
#ifndef LOGIKALD_TESTS_SUPPORT_TASK_ENDS_H
#define LOGIKALD_TESTS_SUPPORT_TASK_ENDS_H

#include "tests/support/rig.h"

/* State, how its arguments are kept, and a condition on its row. Those that are cancelled are sent by the test. */
extern const struct task_end {
    const char *id, *state, *arguments, *more;
} task_ends[]; /* the last has no id */

void task_ends_send(struct rig *rig);
/* One that fails, with an argument of that many bytes. */
void task_ends_send_large(struct rig *rig, const char *id, size_t bytes);

#endif
