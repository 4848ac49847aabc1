/* Answers that are none and calls that fail below projects, in logins and files: see tests/support/lies/lies.h. */
#include <string.h>

#include "tests/support/lies/lies.h"

static bool takes(const struct told_lie *lie)
{
    bool is_above = strcmp(lie->place, "directory") == 0 || strcmp(lie->place, "project") == 0;
    return !lie->is_select && strcmp(lie->rule, "again") == 0 && !is_above;
}

int main(void)
{
    return lies_run(takes);
}
