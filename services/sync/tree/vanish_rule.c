/* What to make of all that a run has found missing: a pure function of numbers. See vanish_rule.h. */
#include "services/sync/tree/vanish_rule.h"

#define EXCHANGED_MIN 2 /* one object that was replaced by another is no other world */

static int64_t allowed(int64_t before, const struct vanish_bound *bound)
{
    int64_t share = before * bound->percent / 100;
    return share > bound->rows ? share : bound->rows;
}

enum vanish_verdict vanish_verdict(const struct missing_counts *c, const struct vanish_bound *bound)
{
    int64_t gone = 0;
    enum vanish_verdict verdict = VANISH_BELIEVED;
    for (int i = 0; i < MISSING_TYPES; i++) {
        int64_t before = c->living[i] - c->fresh[i]; /* what is new does not make the loss of the old any smaller */
        gone += c->gone[i];
        if (c->gone[i] > allowed(before, bound)) verdict = VANISH_MASS;
    }
    for (int i = 0; i < MISSING_TYPES; i++) {
        int64_t before = c->living[i] - c->fresh[i] - (i == MISSING_PHASES ? c->default_phases : 0);
        if (c->gone[i] >= EXCHANGED_MIN && c->gone[i] * 2 > before && c->fresh[i] * 2 > before)
            verdict = VANISH_EXCHANGED;
    }
    return c->root_is_empty && gone ? VANISH_EMPTY : verdict;
}

const char *vanish_word(enum vanish_verdict verdict)
{
    static const char *const words[] = {"believed", "mass", "empty", "exchanged"};
    return words[verdict];
}
