/* Runtime settings: see overrides.h. */
#include "supervisor/overrides.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/buf.h"
#include "conf/file.h"
#include "supervisor/reload.h"

#define FILE_BYTES 65536

static int read_file(const char *path, struct buf *out, struct err *err)
{
    char chunk[4096];
    ssize_t n;
    buf_init(out, FILE_BYTES);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return errno == ENOENT ? 0 : err_errno(err, "%s", path);
    while ((n = read(fd, chunk, sizeof chunk)) > 0) buf_add(out, chunk, (size_t)n);
    close(fd);
    return n < 0 || out->failed ? err_set(err, ERR_LIMIT, "%s cannot be read whole", path) : 0;
}

static int write_file(const char *path, const struct buf *text, struct err *err)
{
    char fresh[PATH_MAX + 8];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return err_errno(err, "%s", fresh);
    bool is_written = file_write_all(fd, text->data, text->len) == 0;
    close(fd);
    return is_written && rename(fresh, path) == 0 ? 0 : err_errno(err, "%s", path);
}

/* The same lines, without this key's, and with its new one. */
static void replace(const struct buf *before, const char *key, const char *value, struct buf *after)
{
    size_t key_len = strlen(key);
    buf_init(after, FILE_BYTES);
    for (const char *line = before->data; line && *line;) {
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
    char canonical[4096];
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
    struct buf before = {0}, after = {0};
    int id, rc = check(name, value, &id, err);
    if (rc == 0) rc = read_file(s->overrides, &before, err);
    if (rc != 0) goto out;
    replace(&before, settings[id].key, value, &after);
    rc = after.failed ? err_set(err, ERR_LIMIT, "too many runtime settings") : write_file(s->overrides, &after, err);
    if (rc != 0) goto out;
    rc = supervisor_reload(s, err);
    if (rc != 0) write_file(s->overrides, &before, NULL);
out:
    buf_free(&before);
    buf_free(&after);
    return rc;
}
