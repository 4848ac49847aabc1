/* Oddities that are no lies: all is read as if nothing were odd. See tests/support/lies/lies.h. */
#include <string.h>

#include "tests/support/lies/lies.h"

static bool is_rule(const struct told_lie *lie, const char *rule)
{
    return strcmp(lie->rule, rule) == 0;
}

static bool takes(const struct told_lie *lie)
{
    return !lie->is_select && is_rule(lie, "quiet");
}

int main(void)
{
    return lies_run(takes);
}
