/* See likeness.h. */
#include "tests/support/answers/likeness.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"

static const char *match_number(const char *answer)
{
    char *end;
    strtod(answer, &end);
    return end == answer ? NULL : end;
}

/* A number that is the time of the case and `more`, to the unit that is asked for, or what is left of `more`. Returns
 * what is behind it; NULL: it is not. */
static const char *match_time(const char *wanted, const char *answer, int64_t began_us)
{
    char *end;
    bool is_ms = strncmp(wanted, "<ms", 3) == 0, is_left = strncmp(wanted, "<left", 5) == 0;
    double more = strtod(wanted + strcspn(wanted, "+-"), NULL), value = strtod(answer, &end), unit = is_ms ? 1e3 : 1e6;
    double from = (double)began_us / unit + more, to = (double)wall_us() / unit + more;
    if (is_left) {
        from = more - (double)(wall_us() - began_us) / 1e3;
        to = more;
    }
    /* Half a millisecond may be rounded; whole seconds have lost their fraction. */
    bool is_full_second = is_ms && fmod(value, 1000) == 0;
    double early = is_full_second                                ? 1000
                   : is_ms || is_left                            ? 1
                   : memchr(answer, '.', (size_t)(end - answer)) ? 0.002
                                                                 : 1;
    return end == answer || value < from - early || value > to + (is_ms || is_left ? 1 : 0.002) ? NULL : end;
}

bool likeness_holds(const char *wanted, const char *answer, int64_t began_us)
{
    while (*wanted) {
        if (strncmp(wanted, "<**>", 4) == 0) {
            for (; *answer; answer++)
                if (likeness_holds(wanted + 4, answer, began_us)) return true;
            return likeness_holds(wanted + 4, answer, began_us);
        }
        if (strncmp(wanted, "<*>", 3) == 0)
            answer += strcspn(answer, " ,]");
        else if (strncmp(wanted, "<#>", 3) == 0)
            answer = match_number(answer);
        else if (strncmp(wanted, "<s", 2) == 0 || strncmp(wanted, "<ms", 3) == 0 || strncmp(wanted, "<left", 5) == 0)
            answer = match_time(wanted, answer, began_us);
        else if (*wanted++ == *answer++)
            continue;
        else
            return false;
        if (!answer) return false;
        wanted = strchr(wanted, '>') + 1;
    }
    return !*answer;
}
