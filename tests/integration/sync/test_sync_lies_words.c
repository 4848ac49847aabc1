/* Lies that nobody can tell from the truth: see tests/support/lies/lies.h. */
#include <string.h>

#include "tests/support/lies/lies.h"

static bool is_rule(const struct told_lie *lie, const char *rule)
{
    return strcmp(lie->rule, rule) == 0;
}

static bool takes(const struct told_lie *lie)
{
    return !lie->is_select && is_rule(lie, "word");
}

int main(void)
{
    return lies_run(takes);
}
