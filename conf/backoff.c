/* Exponential backoff with full jitter on the upper half: base, 2*base, 4*base ... cap, each times a random 0.5 to 1.
 * See backoff.h. */
#include "conf/backoff.h"

#include "conf/machine/random.h"

void backoff_init(struct backoff *b, int64_t base_ms, int64_t cap_ms)
{
    *b = (struct backoff){.base_ms = base_ms, .cap_ms = cap_ms};
}

int64_t backoff_next_ms(struct backoff *b)
{
    int64_t full = b->base_ms;
    for (unsigned i = 0; i < b->attempt && full < b->cap_ms; i++) full = full > b->cap_ms / 2 ? b->cap_ms : full * 2;
    if (full > b->cap_ms) full = b->cap_ms;
    if (b->attempt < 62) b->attempt++;
    int64_t half = full / 2;
    int64_t wait = full - (half > 0 ? (int64_t)(random_u64() % (uint64_t)(half + 1)) : 0);
    return wait;
}

void backoff_reset(struct backoff *b)
{
    b->attempt = 0;
}
