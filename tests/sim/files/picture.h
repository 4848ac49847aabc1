/* Drawings of elevations as PNG. */
#ifndef LOGIKAL_SIM_PICTURE_H
#define LOGIKAL_SIM_PICTURE_H

#include "tests/sim/world/world.h"

#define PICTURE_SIZE_MAX 4096

struct picture {
    unsigned width, height; /* pixels, 1 to PICTURE_SIZE_MAX */
    bool is_interior, with_dimensions, with_description;
};

/* Adds the bytes of the PNG file to out. The same elevation, version and picture give the same bytes. */
void picture_add_png(const struct world *w, uint32_t elevation, const struct picture *p, struct buf *out);

#endif
