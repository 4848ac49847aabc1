/* Trimming: see trim.h. */
#include "supervisor/system/trim.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void trim(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    while (maps && fgets(line, sizeof line, maps)) {
        char *rest;
        uintptr_t start = strtoul(line, &rest, 16), end = *rest == '-' ? strtoul(rest + 1, &rest, 16) : 0;
        /* Only text of files: it is the same in the file. Data that is read-only by now may have been relocated. */
        if (end <= start || strncmp(rest, " r-xp", 5) != 0 || !strchr(line, '/')) continue;
        madvise((void *)start, end - start, MADV_DONTNEED); /* NOLINT(performance-no-int-to-ptr) */
    }
    if (maps) fclose(maps);
    malloc_trim(0);
}
