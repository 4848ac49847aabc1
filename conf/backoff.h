/* Exponential backoff with full jitter on the upper half: base, 2*base, 4*base ... cap, each times a random 0.5 to 1.
 */
#ifndef LOGIKALD_CONF_BACKOFF_H
#define LOGIKALD_CONF_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t base_ms, cap_ms;
    unsigned attempt; /* how often next was asked since the last reset */
};

void backoff_init(struct backoff *b, int64_t base_ms, int64_t cap_ms);
int64_t backoff_next_ms(struct backoff *b); /* never 0 when base_ms > 0, never above cap_ms, never overflows */
void backoff_reset(struct backoff *b);

#endif
