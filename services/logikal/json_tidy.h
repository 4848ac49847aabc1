/* JSON that is nearly JSON, made readable: bytes that are no UTF-8, U+0000 and halves of surrogate pairs become U+FFFD;
 * NaN and Infinity become an empty list, which no member is. Everything else stays as it is. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_JSON_TIDY_H
#define LOGIKALD_SERVICES_LOGIKAL_JSON_TIDY_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/text/buf.h"

struct json_oddities {
    bool has_bad_bytes, has_nul, has_half_pair, has_no_number;
};

/* False when the text is fine as it is (nothing is written); else out is the readable one, unless it has failed. */
bool json_tidy(const char *text, size_t len, struct buf *out, struct json_oddities *found);

#endif
