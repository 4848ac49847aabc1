/* The accepted configuration, frozen: for each role, files in the run directory from which it reads what was last
 * loaded and found good. See freeze.h. */
#include "supervisor/plan/freeze.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/machine/file.h"
#include "conf/log.h"

static const struct {
    const char *role;
    unsigned users;
} roles[] = {{"web", USER_WEB}, {"worker", USER_WORKER}, {"beat", USER_BEAT}, {"migrate", USER_TOOL}};
#define ROLES (sizeof roles / sizeof *roles)

static const char *const endings[FREEZE_KINDS] = {"cfg", "env", "set"};

const char *freeze_path(const struct supervisor *s, const char *role, enum freeze_kind kind, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.1024s/%.63s.%s", s->run_dir, role, endings[kind]);
    return out;
}

static const char *fresh_path(const struct supervisor *s, size_t role, int kind, char out[PATH_MAX])
{
    freeze_path(s, roles[role].role, (enum freeze_kind)kind, out);
    strncat(out, ".new", PATH_MAX - strlen(out) - 1);
    return out;
}

static int write_one(const char *path, const struct buf *text, struct err *err)
{
    if (text->failed) return err_set(err, ERR_NOMEM, "no memory for %s", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return err_errno(err, "%s", path);
    int rc = file_write_all(fd, text->data, text->len) == 0 ? 0 : err_errno(err, "%s", path);
    close(fd);
    return rc;
}

static int write_fresh(const struct supervisor *s, const struct conf *conf, size_t role, int kind, struct err *err)
{
    char path[PATH_MAX];
    struct buf text = {0};
    unsigned users = roles[role].users;
    if (kind == FREEZE_FILE) conf_write_file(conf, users, false, &text);
    if (kind == FREEZE_ENV) conf_write_env(conf, users, &text);
    if (kind == FREEZE_OVERRIDES) conf_write_overrides(conf, users, &text);
    int rc = write_one(fresh_path(s, role, kind, path), &text, err);
    if (text.data) explicit_bzero(text.data, text.len);
    buf_free(&text);
    return rc;
}

static void remove_fresh(const struct supervisor *s)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < ROLES; i++)
        for (int k = 0; k < FREEZE_KINDS; k++) unlink(fresh_path(s, i, k, path));
}

int freeze_accept(const struct supervisor *s, const struct conf *conf, struct err *err)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    int rc = 0;
    for (size_t i = 0; i < ROLES && rc == 0; i++)
        for (int k = 0; k < FREEZE_KINDS && rc == 0; k++) rc = write_fresh(s, conf, i, k, err);
    for (size_t i = 0; i < ROLES && rc == 0; i++)
        for (int k = 0; k < FREEZE_KINDS && rc == 0; k++)
            if (rename(fresh_path(s, i, k, fresh), freeze_path(s, roles[i].role, (enum freeze_kind)k, path)) != 0)
                rc = err_errno(err, "%s", path);
    if (rc != 0) remove_fresh(s);
    return rc;
}

void freeze_keep(const struct supervisor *s)
{
    char path[PATH_MAX];
    struct err err = {0};
    bool is_whole = true;
    for (size_t i = 0; i < ROLES; i++)
        for (int k = 0; k < FREEZE_KINDS; k++)
            is_whole = is_whole && access(freeze_path(s, roles[i].role, (enum freeze_kind)k, path), F_OK) == 0;
    if (is_whole) return;
    if (freeze_accept(s, s->conf, &err) == 0)
        log_warning("the accepted configuration was not whole any more in %s: it is written again", s->run_dir);
    else
        log_error("the accepted configuration cannot be written again: %s", err.text);
}

void freeze_remove(const struct supervisor *s)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < ROLES; i++)
        for (int k = 0; k < FREEZE_KINDS; k++) unlink(freeze_path(s, roles[i].role, (enum freeze_kind)k, path));
    remove_fresh(s);
}
