/* What to make of all that a run has found missing: a pure function of numbers. */
#ifndef LOGIKALD_SERVICES_SYNC_TREE_VANISH_RULE_H
#define LOGIKALD_SERVICES_SYNC_TREE_VANISH_RULE_H

#include <stdint.h>

#include "services/store/sync/sync_missing.h"

enum vanish_verdict {
    VANISH_BELIEVED,
    VANISH_MASS,     /* of some type more than the bound would go */
    VANISH_EMPTY,    /* nothing is left at the root */
    VANISH_EXCHANGED /* most of a type would go, and as much is new: another world */
};

struct vanish_bound {
    int64_t percent, rows; /* of each type the larger of the two may go without a question */
};

enum vanish_verdict vanish_verdict(const struct missing_counts *counts, const struct vanish_bound *bound);
const char *vanish_word(enum vanish_verdict verdict); /* as it is stored and told: "mass", "empty", "exchanged" */

#endif
