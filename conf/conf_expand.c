/* ${NAME} and ${NAME:-text} in the configuration file, replaced from the environment while it is read; $${ stands for
 * ${ itself. */
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/conf_internal.h"

static int expand_one(struct buf *out, const char *inside, size_t len, struct conf_names *used, struct err *err)
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
    if (used && !conf_names_add(used, name)) return err_set(err, ERR_NOMEM, "no memory for the configuration");
    if (value && value[0])
        buf_str(out, value);
    else if (colon)
        buf_add(out, colon + 2, len - name_len - 2);
    else
        return err_set(err, ERR_CONFIG, "${%s} is not set in the environment; set it, or write ${%s:-default}", name,
                       name);
    return 0;
}

bool conf_names_add(struct conf_names *names, const char *name)
{
    if (conf_names_has(names, name)) return true;
    char **list = reallocarray(names->list, (size_t)names->count + 1, sizeof *list);
    if (!list) return false;
    names->list = list;
    list[names->count] = strdup(name);
    return list[names->count] && ++names->count > 0;
}

bool conf_names_has(const struct conf_names *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->list[i], name) == 0) return true;
    return false;
}

void conf_names_free(struct conf_names *names)
{
    for (int i = 0; i < names->count; i++) free(names->list[i]);
    free(names->list);
    *names = (struct conf_names){0};
}

char *conf_expand(const char *text, struct conf_names *used, struct err *err)
{
    struct buf out = {.limit_bytes = 65536};
    buf_str(&out, "");
    for (const char *p = text; *p;) {
        size_t plain = 0;
        while (p[plain] && strncmp(p + plain, "${", 2) != 0 && strncmp(p + plain, "$${", 3) != 0) plain++;
        buf_add(&out, p, plain);
        p += plain;
        if (!*p) break;
        if (p[1] == '$') {
            buf_str(&out, "${");
            p += 3;
            continue;
        }
        const char *end = strchr(p, '}');
        if (!end) {
            err_set(err, ERR_CONFIG, "\"${\" without a closing \"}\"");
            buf_free(&out);
            return NULL;
        }
        if (expand_one(&out, p + 2, (size_t)(end - p - 2), used, err) != 0) {
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
