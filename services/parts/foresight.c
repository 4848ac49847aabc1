/* How many frames of a stored file are taken with it. See foresight.h. */
#include "services/parts/foresight.h"

#include <string.h>

#define MOST      32 /* frames that are told from each other: who needs as many gets all */
#define MISS_COST 6  /* frames that nobody reads cost as much as a question */
#define REMEMBER  64 /* files; the weight of older ones is halved each time */

/* How many files needed so many frames. */
struct needs {
    unsigned files[MOST + 1];
};
static struct needs heads, tails;
static unsigned noted;

static size_t best(const struct needs *n)
{
    size_t best = 0;
    unsigned least = (unsigned)-1;
    for (size_t k = 0; k <= MOST; k++) {
        unsigned cost = 0;
        for (size_t need = 0; need <= MOST; need++)
            cost += n->files[need] * (need > k ? MISS_COST : (unsigned)(k - need));
        if (cost >= least) continue;
        least = cost;
        best = k;
    }
    return best;
}

struct foresight foresee(void)
{
    if (noted == 0) return (struct foresight){.head = FORESIGHT_ALL};
    struct foresight f = {.head = best(&heads), .tail = best(&tails)};
    if (f.head == MOST || f.tail == MOST) f = (struct foresight){.head = FORESIGHT_ALL};
    return f;
}

static void halve(struct needs *n)
{
    for (size_t i = 0; i <= MOST; i++) n->files[i] = (n->files[i] + 1) / 2;
}

void foresight_note(size_t head, size_t tail)
{
    if (++noted > REMEMBER) {
        halve(&heads);
        halve(&tails);
        noted = REMEMBER / 2;
    }
    heads.files[head < MOST ? head : MOST]++;
    tails.files[tail < MOST ? tail : MOST]++;
}

void foresight_forget(void)
{
    memset(&heads, 0, sizeof heads);
    memset(&tails, 0, sizeof tails);
    noted = 0;
}
