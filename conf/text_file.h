/* Text files that people write, read whole: no file that a path may name holds up whoever reads it. */
#ifndef LOGIKALD_CONF_TEXT_FILE_H
#define LOGIKALD_CONF_TEXT_FILE_H

#include <stddef.h>

#include "conf/err.h"
#include "conf/text/buf.h"

/* out: empty; at the end its data is a text, "" at least, of limit_bytes at most and without a NUL. what: the file's
 * part in the fault. A pipe (a shell's <(...)) is read until its writer closes it, for five seconds at most. */
int text_file_read(const char *path, const char *what, size_t limit_bytes, struct buf *out, struct err *err);

#endif
