/* Arithmetic of the unchanged tree: see shape.h. */
#include "tests/sim/world/shape.h"

#include <string.h>

#include "tests/sim/world/hash.h"

static const char *const names[KIND_COUNT] = {"directory", "project", "phase", "elevation"};

const char *kind_name(enum kind kind)
{
    return names[kind];
}

enum kind kind_of(const char *name)
{
    int k = 0;
    while (k < KIND_COUNT && strcmp(names[k], name) != 0) k++;
    return (enum kind)k;
}

/* Where the range of parent i begins: an even cut, moved a little when uneven, never so far that two cuts cross. */
static uint32_t cut(const struct shape *s, enum kind child, uint32_t i)
{
    uint32_t parents = s->count[child - 1], total = s->count[child];
    if (child == KIND_ELEVATION && s->fixed[0]) {
        uint32_t at = 0;
        for (uint32_t k = 0; k < i && k < SHAPE_FIXED; k++) at += s->fixed[k];
        return at;
    }
    if (i >= parents) return total;
    uint32_t at = (uint32_t)((uint64_t)total * i / parents);
    uint32_t mean = total / parents;
    if (!s->is_uneven || child == KIND_PHASE || i == 0 || mean < 2) return at;
    return at - mean / 4 + (uint32_t)(hash3(s->seed, 100 + child, i) % (mean / 2 + 1));
}

struct range shape_children(const struct shape *s, enum kind child, uint32_t parent)
{
    if (parent >= s->count[child - 1]) return (struct range){0, 0};
    return (struct range){cut(s, child, parent), cut(s, child, parent + 1)};
}

uint32_t shape_parent(const struct shape *s, enum kind child, uint32_t index)
{
    uint32_t parents = s->count[child - 1], total = s->count[child];
    uint32_t guess = (uint32_t)((uint64_t)index * parents / total);
    while (guess > 0 && cut(s, child, guess) > index) guess--;
    while (guess + 1 < parents && cut(s, child, guess + 1) <= index) guess++;
    return guess;
}
