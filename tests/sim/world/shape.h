/* The tree as it is before anybody changes it: how many objects of each kind there are and who belongs to whom, by
 * arithmetic alone. Objects of a kind are numbered through the whole tree; the children of one parent are a range. */
#ifndef LOGIKAL_SIM_SHAPE_H
#define LOGIKAL_SIM_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

enum kind { KIND_DIRECTORY, KIND_PROJECT, KIND_PHASE, KIND_ELEVATION, KIND_COUNT };

#define NO_INDEX    UINT32_MAX /* no object; as the parent of a directory: the root */
#define SHAPE_FIXED 4

struct shape {
    uint64_t seed;
    uint32_t count[KIND_COUNT];
    uint32_t depth;              /* deepest nesting of directories, 1 = flat */
    bool is_uneven;              /* ranges vary in size instead of being equal */
    uint32_t fixed[SHAPE_FIXED]; /* elevations of phase 0, 1, ... when fixed[0] is not 0 */
};

struct range {
    uint32_t first, end;
};

const char *kind_name(enum kind kind);
/* The kind with this name ("elevation"), or KIND_COUNT. */
enum kind kind_of(const char *name);

/* The children of `parent` (an index of the kind above child); child is KIND_PROJECT or deeper. */
struct range shape_children(const struct shape *s, enum kind child, uint32_t parent);
/* The parent of a child of KIND_PROJECT or deeper. */
uint32_t shape_parent(const struct shape *s, enum kind child, uint32_t index);

#endif
