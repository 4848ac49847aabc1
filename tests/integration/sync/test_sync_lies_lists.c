/* Lies about whole listings and the objects in them: see tests/support/lies/lies.h. */
#include <string.h>

#include "tests/support/lies/lies.h"

static bool is_rule(const struct told_lie *lie, const char *rule)
{
    return strcmp(lie->rule, rule) == 0;
}

static bool takes(const struct told_lie *lie)
{
    return !lie->is_select && (is_rule(lie, "held") || is_rule(lie, "object"));
}

int main(void)
{
    return lies_run(takes);
}
