/* Giving back what only a start or a reload has needed. See trim.h. */
#include "conf/machine/trim.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK_LOOKED_AT (128 << 10) /* below us; less than the gap that the kernel keeps below a stack */
#define LARGE_BYTES     8192

void trim_prepare(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TOP_PAD, 0); /* room at the top would be taken first, also for what is large */
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

static void drop(uintptr_t start, uintptr_t end)
{
    madvise((void *)start, end - start, MADV_DONTNEED); /* NOLINT(performance-no-int-to-ptr) */
}

/* Segments of files that cannot be written to: they are the same in the file. Data that is read-only by now has been
 * relocated, and lies in a segment that could be written to. The first one last: it has the headers that tell of them.
 */
static int drop_file(struct dl_phdr_info *info, size_t size, void *arg)
{
    uintptr_t page = *(uintptr_t *)arg;
    (void)size;
    if (info->dlpi_addr == getauxval(AT_SYSINFO_EHDR)) return 0; /* the kernel's own */
    for (int i = info->dlpi_phnum - 1; i >= 0; i--) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || p->p_flags & PF_W) continue;
        uintptr_t start = info->dlpi_addr + p->p_vaddr;
        drop(start & ~(page - 1), (start + p->p_filesz + page - 1) & ~(page - 1));
    }
    return 0;
}

/* What deeper calls have left behind below us. A page is left to whoever is at work here. */
static void drop_stack(uintptr_t page)
{
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - page) & ~(page - 1);
    drop(end - STACK_LOOKED_AT, end);
}

void trim(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    malloc_trim(0);
    drop_stack(page);
    dl_iterate_phdr(drop_file, &page);
}
