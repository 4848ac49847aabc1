/* See document.h. */
#include "tests/support/document.h"

#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "tests/support/support_internal.h"

void document_put(const char *path, const char *begin, const char *end, const char *text)
{
    char *old = support_read_file(path), *from = strstr(old, begin), *to = from ? strstr(from, end) : NULL;
    struct buf whole = {0};
    if (!to) fail_msg("%s has no place that begins with %s", path, begin);
    buf_add(&whole, old, (size_t)(from - old));
    buf_printf(&whole, "%s%s%s", begin, text, to);
    support_write_file(path, whole.data);
    buf_free(&whole);
    free(old);
}
