/* See whole.h. */
#include "conf/text/whole.h"

#include <math.h>
#include <stdlib.h>

static int64_t bounded(int64_t value)
{
    return value > WHOLE_MAX ? WHOLE_MAX : value < -WHOLE_MAX ? -WHOLE_MAX : value;
}

int64_t whole_of(double value)
{
    if (isnan(value)) return 0;
    return value > (double)WHOLE_MAX ? WHOLE_MAX : value < -(double)WHOLE_MAX ? -WHOLE_MAX : (int64_t)value;
}

int64_t whole_read(const char *text, const char **end)
{
    char *at = NULL;
    int64_t value = bounded(strtoll(text, &at, 10));
    if (end) *end = at;
    return value;
}
