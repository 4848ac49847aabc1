/* When an endpoint is tried again after an answer, and when it is given up: pure. */
#include "services/feed/retry.h"

#include <stddef.h>

#define HOUR_S      3600
#define LONGEST_S   (24 * HOUR_S) /* that an answer may ask for */
#define JITTER_PART 5             /* a fifth, more or less */

/* Changes come in order: all that follow wait with the first, so that the steps end at an hour. */
static const int64_t steps_s[] = {5, 15, 60, 300, 900, 1800, HOUR_S};

static int64_t step_ms(const struct retry_facts *facts)
{
    size_t last = sizeof steps_s / sizeof *steps_s - 1, i = facts->failures < 0 ? 0 : (size_t)facts->failures;
    int64_t ms = steps_s[i < last ? i : last] * 1000, part = ms / JITTER_PART;
    return ms - part + (int64_t)(facts->chance % (unsigned)(2 * part + 1));
}

enum fate retry_decide(const struct retry_facts *facts, int64_t *wait_ms)
{
    *wait_ms = 0;
    if (facts->status >= 200 && facts->status < 300) return FATE_DELIVERED;
    if (facts->status == 410) return FATE_GONE;
    int64_t asked_s = facts->retry_after_s > LONGEST_S ? LONGEST_S : facts->retry_after_s;
    *wait_ms = asked_s > 0 ? asked_s * 1000 : step_ms(facts);
    return facts->failing_ms >= facts->give_up_ms ? FATE_FAILED : FATE_AGAIN;
}
