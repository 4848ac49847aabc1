/* Text that people typed as a pattern for ILIKE. */
#include "services/web/cache/like.h"

#include <string.h>

#include "conf/text/buf.h"

const char *like_pattern(struct req *r, const char *text)
{
    struct buf b = {0};
    buf_char(&b, '%');
    for (; *text; text++) {
        if (strchr("%_\\", *text)) buf_char(&b, '\\');
        buf_char(&b, *text);
    }
    buf_char(&b, '%');
    const char *out = req_strdup(r, b.data ? b.data : "");
    buf_free(&b);
    return out;
}
