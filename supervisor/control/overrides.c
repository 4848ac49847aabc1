/* Runtime settings: see overrides.h. They are lines of key=value, kept in memory. */
#include "supervisor/control/overrides.h"

#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "supervisor/control/reload.h"

#define TEXT_BYTES 65536

/* The same lines, without this key's, and with its new one. */
static void replace(const char *before, const char *key, const char *value, struct buf *after)
{
    size_t key_len = strlen(key);
    buf_init(after, TEXT_BYTES);
    buf_str(after, "");
    for (const char *line = before; line && *line;) {
        size_t len = strcspn(line, "\n");
        bool is_key = len > key_len && strncmp(line, key, key_len) == 0 && line[key_len] == '=';
        if (!is_key) {
            buf_add(after, line, len);
            buf_char(after, '\n');
        }
        line += len + (line[len] ? 1 : 0);
    }
    if (value) buf_printf(after, "%s=%s\n", key, value);
}

static int check(const char *name, const char *value, int *id, struct err *err)
{
    char canonical[4200];
    *id = setting_by_key(name);
    if (*id < 0) *id = setting_by_env(name);
    if (*id < 0) return err_set(err, ERR_NOT_FOUND, "there is no setting \"%s\" (`logikald config` lists them)", name);
    if (settings[*id].reload == SETTING_RESTART)
        return err_set(err, ERR_CONFIG, "%s is read only at the start: change it in the file or the environment",
                       settings[*id].key);
    if (!value) return 0;
    if (strpbrk(value, "\r\n")) return err_set(err, ERR_INPUT, "a value is one line");
    return setting_check((enum setting_id) * id, value, canonical, sizeof canonical, err);
}

int overrides_set(struct supervisor *s, const char *name, const char *value, struct err *err)
{
    struct buf after = {0};
    char *before = s->overrides;
    int id, rc = check(name, value, &id, err);
    if (rc != 0) return rc;
    replace(before, settings[id].key, value, &after);
    if (after.failed) {
        buf_free(&after);
        return err_set(err, ERR_LIMIT, "too many runtime settings");
    }
    s->overrides = buf_steal(&after);
    rc = supervisor_reload(s, err);
    if (rc != 0) {
        free(s->overrides);
        s->overrides = before;
        return rc;
    }
    free(before);
    return 0;
}
