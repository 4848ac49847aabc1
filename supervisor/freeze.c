/* Frozen configuration: see freeze.h. */
#include "supervisor/freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/file.h"
#include "supervisor/run_dir.h"

#define FILE_BYTES (1024 * 1024)

static const char *const names[FROZEN_FILES] = {"accepted.cfg", "accepted.env"};

/* The whole file into text (NUL-terminated, the caller's). */
static int read_whole(const char *path, char **text, size_t *len, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_errno(err, "%s", path);
    *len = 0;
    *text = malloc(FILE_BYTES + 1);
    if (!*text) {
        close(fd);
        return err_set(err, ERR_NOMEM, "no memory for %s", path);
    }
    ssize_t n;
    while (*len < FILE_BYTES && (n = read(fd, *text + *len, FILE_BYTES - *len)) != 0) {
        if (n > 0)
            *len += (size_t)n;
        else if (errno != EINTR)
            break;
    }
    int saved = errno;
    close(fd);
    (*text)[*len] = 0;
    if (*len < FILE_BYTES && n == 0) return 0;
    free(*text);
    *text = NULL;
    errno = n < 0 ? saved : EFBIG;
    return err_errno(err, "%s", path);
}

static int write_whole(const char *path, const char *text, size_t len, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return err_errno(err, "%s", path);
    int rc = file_write_all(fd, text, len) == 0 ? 0 : err_errno(err, "%s", path);
    close(fd);
    return rc;
}

static int copy_one(struct supervisor *s, int i, const char *from, const char **candidate, struct err *err)
{
    struct frozen *f = &s->frozen[i];
    char *text = NULL;
    size_t len = 0;
    *candidate = from;
    f->is_copy = false;
    if (!from) return 0;
    int rc = read_whole(from, &text, &len, err);
    if (rc != 0 || !text) return rc;
    run_dir_file(s->run_dir, names[i], f->accepted);
    snprintf(f->candidate, sizeof f->candidate, "%s/%s.new", s->run_dir, names[i]);
    bool is_alone = i != 0 || !strstr(text, "@include"); /* relative to where it stands */
    if (is_alone) rc = write_whole(f->candidate, text, len, err);
    if (is_alone && rc == 0) {
        *candidate = f->candidate;
        f->is_copy = true;
    }
    explicit_bzero(text, len);
    free(text);
    return rc;
}

int freeze_copy(struct supervisor *s, struct conf_paths *candidate, struct err *err)
{
    *candidate = s->source;
    candidate->overrides = s->overrides;
    int rc = copy_one(s, 0, s->source.file, &candidate->file, err);
    return rc == 0 ? copy_one(s, 1, s->source.env_file, &candidate->env_file, err) : rc;
}

int freeze_accept(struct supervisor *s, struct err *err)
{
    const char **paths[FROZEN_FILES] = {&s->paths.file, &s->paths.env_file};
    const char *sources[FROZEN_FILES] = {s->source.file, s->source.env_file};
    s->paths.overrides = s->overrides;
    for (int i = 0; i < FROZEN_FILES; i++) {
        struct frozen *f = &s->frozen[i];
        if (f->is_copy && rename(f->candidate, f->accepted) != 0) return err_errno(err, "%s", f->accepted);
        *paths[i] = f->is_copy ? f->accepted : sources[i];
    }
    return 0;
}

void freeze_remove(struct supervisor *s)
{
    for (int i = 0; i < FROZEN_FILES; i++)
        if (s->frozen[i].accepted[0]) {
            unlink(s->frozen[i].accepted);
            unlink(s->frozen[i].candidate);
        }
}
