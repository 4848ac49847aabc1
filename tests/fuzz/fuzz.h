/* What fuzz targets share. A target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput; its seeds are corpus/NAME/. It
 * hands bytes to one parser that faces the outside, and checks what the parser promises about its output. */
#ifndef LOGIKALD_TESTS_FUZZ_H
#define LOGIKALD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise; unlike assert it also holds without debugging. */
#define PROMISE(cond)                                                                                                  \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #cond);                                 \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* A NUL-terminated copy, so that reading past the end is noticed; the caller frees it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) abort();
    if (size) memcpy(text, data, size);
    text[size] = 0;
    return text;
}

/* The bytes as a file in memory: a descriptor, and its path in `path` (32 bytes are enough). */
static inline int fuzz_file(const uint8_t *data, size_t size, char *path, size_t path_size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(path, path_size, "/proc/self/fd/%d", fd);
    return fd;
}

/* A directory of one's own in memory, if the machine has such a place: a disk would be the slowest part of a target. */
static inline void fuzz_dir(char *path, size_t size)
{
    snprintf(path, size, "%s/fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(path)) abort();
}

#endif
