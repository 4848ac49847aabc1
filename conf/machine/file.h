/* Files: written whole, and small ones read. */
#ifndef LOGIKALD_CONF_MACHINE_FILE_H
#define LOGIKALD_CONF_MACHINE_FILE_H

#include <stddef.h>
#include <stdint.h>

/* All of it, also when the kernel takes it in pieces: 0, or -1 with errno. Blocks as fd does. */
int file_write_all(int fd, const void *bytes, size_t len);

/* The beginning of a small file (of /proc, /sys), whose path may be one below the directory dir (else AT_FDCWD), into
 * text, NUL-terminated: how many bytes; 0 when it is empty or cannot be read. */
size_t file_read(int dir, const char *path, char *text, size_t size);
/* The number after this word at the start of a line; 0 when there is none. */
int64_t file_number_after(const char *text, const char *word);

#endif
