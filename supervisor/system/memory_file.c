/* Puts a text into a file in memory (memfd) and names its path. */
#include "supervisor/system/memory_file.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/machine/file.h"

int memory_file(const char *text, size_t len, char path[MEMORY_FILE_PATH], struct err *err)
{
    int fd = memfd_create("logikald", MFD_CLOEXEC);
    if (fd < 0 || file_write_all(fd, text, len) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
        err_errno(err, "no file in memory");
        if (fd >= 0) close(fd);
        return -1;
    }
    if (path) snprintf(path, MEMORY_FILE_PATH, "/proc/self/fd/%d", fd);
    return fd;
}
