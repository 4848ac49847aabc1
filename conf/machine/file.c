/* Files: see file.h. A nearly full disk takes a part of a write, and says why with the next one. */
#include "conf/machine/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int file_write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0) return -1;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

size_t file_read(int dir, const char *path, char *text, size_t size)
{
    size_t len = 0;
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    text[0] = 0;
    if (fd < 0) return 0;
    for (ssize_t n; len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0;) len += (size_t)n;
    close(fd);
    text[len] = 0;
    return len;
}

int64_t file_number_after(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, word, len) == 0) return strtoll(line + len, NULL, 10);
    }
    return 0;
}
