/* Writing files. */
#ifndef LOGIKALD_CONF_FILE_H
#define LOGIKALD_CONF_FILE_H

#include <stddef.h>

/* All of it, also when the kernel takes it in pieces: 0, or -1 with errno. Blocks as fd does. */
int file_write_all(int fd, const void *bytes, size_t len);

#endif
