/* Trimming: see trim.h. */
#include "supervisor/trim.h"

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
        uintptr_t start, end;
        char rights[8];
        /* Only text of files: it is the same in the file. Data that is read-only by now may have been relocated. */
        if (sscanf(line, "%zx-%zx %7s", &start, &end, rights) != 3 || strcmp(rights, "r-xp") != 0) continue;
        if (strchr(line, '/'))
            madvise((void *)start, end - start, MADV_DONTNEED); /* NOLINT(performance-no-int-to-ptr) */
    }
    if (maps) fclose(maps);
    malloc_trim(0);
}
