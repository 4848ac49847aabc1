/* Files that are part of the program: made by scripts/embed at build time. See embedded.h. */
#include "conf/embedded.h"

#include <string.h>

const struct embedded *embedded_find(const struct embedded *table, const char *path)
{
    for (; table->path; table++)
        if (strcmp(table->path, path) == 0) return table;
    return NULL;
}
