/* How many frames of a stored file are taken with it, from its beginning and from its end, before it is known which of
 * them are read: as many as are worth it, by the files that this process has read last. A frame that is missed costs a
 * question to the database, one that nobody reads the way here. */
#ifndef LOGIKALD_SERVICES_PARTS_FORESIGHT_H
#define LOGIKALD_SERVICES_PARTS_FORESIGHT_H

#include <stddef.h>

#define FORESIGHT_ALL (1 << 20) /* of any file */

struct foresight {
    size_t head, tail;
};
struct foresight foresee(void);
/* What one file needed (unframer_used). */
void foresight_note(size_t head, size_t tail);
void foresight_forget(void);

#endif
