/* ${NAME} and ${NAME:-text} in the configuration file, replaced from the environment while it is read. */
#include <stdlib.h>
#include <string.h>

#include "conf/buf.h"
#include "conf/conf_internal.h"

static int expand_one(struct buf *out, const char *inside, size_t len, struct err *err)
{
    char name[128];
    const char *colon = memmem(inside, len, ":-", 2);
    size_t name_len = colon ? (size_t)(colon - inside) : len;
    if (name_len == 0 || name_len >= sizeof name)
        return err_set(err, ERR_CONFIG, "expected ${NAME} or ${NAME:-text}, got \"${%.*s}\"",
                       (int)(len > 60 ? 60 : len), inside);
    memcpy(name, inside, name_len);
    name[name_len] = 0;
    const char *value = getenv(name);
    if (value && value[0])
        buf_str(out, value);
    else if (colon)
        buf_add(out, colon + 2, len - name_len - 2);
    else
        return err_set(err, ERR_CONFIG, "${%s} is not set in the environment; set it, or write ${%s:-default}", name,
                       name);
    return 0;
}

char *conf_expand(const char *text, struct err *err)
{
    struct buf out = {.limit_bytes = 65536};
    buf_str(&out, "");
    for (const char *p = text; *p;) {
        size_t plain = 0;
        while (p[plain] && !(p[plain] == '$' && p[plain + 1] == '{')) plain++;
        buf_add(&out, p, plain);
        p += plain;
        if (!*p) break;
        const char *end = strchr(p, '}');
        if (!end) {
            err_set(err, ERR_CONFIG, "\"${\" without a closing \"}\"");
            buf_free(&out);
            return NULL;
        }
        if (expand_one(&out, p + 2, (size_t)(end - p - 2), err) != 0) {
            buf_free(&out);
            return NULL;
        }
        p = end + 1;
    }
    if (!out.failed) return buf_steal(&out);
    err_set(err, ERR_LIMIT, "a value grows past 64 kB when its ${...} are filled in, or there is no memory for it");
    buf_free(&out);
    return NULL;
}
