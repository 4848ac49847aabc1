/* See shimmed.h. */
#include "tests/support/process/shimmed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/support_internal.h"

void shimmed_open(struct shimmed *s)
{
    char path[280];
    const char *options = getenv("ASAN_OPTIONS");
    support_format(path, sizeof path, "%s/shim", support_dir());
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *s->shim) != 0) fail_msg("%s: %s", path, strerror(errno));
    s->shim = mmap(NULL, sizeof *s->shim, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (s->shim == MAP_FAILED) fail_msg("%s: %s", path, strerror(errno));
    close(fd);
    support_format(s->preload, sizeof s->preload, "LD_PRELOAD=%s/shim.so", support_build_dir());
    support_format(s->file, sizeof s->file, "%s=%s", SHIM_VAR, path);
    support_format(s->sanitizer, sizeof s->sanitizer, "ASAN_OPTIONS=%s%sverify_asan_link_order=0",
                   options ? options : "", options ? ":" : "");
}
