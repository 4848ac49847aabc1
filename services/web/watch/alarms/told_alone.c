/* See told_alone.h. The lock tells whether its process lives: it ends with it, however that ends. */
#include "services/web/watch/alarms/told_alone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "conf/log.h"
#include "conf/text/fact.h"
#include "conf/text/utf8.h"

#define BEGINS    "alarms."
#define FILE_MOST (256 * 1024)

struct told_alone {
    char dir[200], path[240];
    int fd; /* -1: nothing has been told yet */
    bool is_empty, is_fault_told;
};

struct told_alone *told_alone_new(const char *run_dir)
{
    struct told_alone *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->fd = -1;
    t->is_empty = true;
    snprintf(t->dir, sizeof t->dir, "%s", run_dir);
    snprintf(t->path, sizeof t->path, "%s/" BEGINS "%d", t->dir, (int)getpid());
    return t;
}

void told_alone_free(struct told_alone *t)
{
    if (!t) return;
    if (t->fd >= 0 && t->is_empty) (void)unlink(t->path);
    if (t->fd >= 0) (void)close(t->fd);
    free(t);
}

/* What a predecessor of the same number left has been taken by then, or is written over. */
static bool open_own(struct told_alone *t)
{
    if (t->fd >= 0) return true;
    t->fd = open(t->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (t->fd >= 0 && flock(t->fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (t->fd >= 0) (void)close(t->fd);
    t->fd = -1;
    return false;
}

void told_alone_write(struct told_alone *t, const cJSON *problems)
{
    bool is_empty = !problems->child;
    if (!*t->dir || (is_empty && t->is_empty)) return;
    char *text = cJSON_PrintUnformatted(problems);
    size_t len = text ? strlen(text) : 0;
    /* What is longer is cut afterwards: who is killed in between leaves a whole value with something behind it. */
    bool is_written =
        text && open_own(t) && pwrite(t->fd, text, len, 0) == (ssize_t)len && ftruncate(t->fd, (off_t)len) == 0;
    if (!is_written && !t->is_fault_told)
        log_warning("%s cannot be written (%s): the end of what is told now is not told when this process is killed",
                    t->path, strerror(errno));
    t->is_fault_told = !is_written;
    t->is_empty = is_empty && is_written;
    free(text);
}

/* Another version, or a disk that was full, may have left what is none: it goes. True when something has gone. */
static bool drop_no_problems(cJSON *problems)
{
    bool has_dropped = false;
    for (cJSON *p = problems->child, *next; p; p = next) {
        next = p->next;
        if (*fact_text(p, "key")) continue;
        cJSON_Delete(cJSON_DetachItemViaPointer(problems, p));
        has_dropped = true;
    }
    return has_dropped;
}

static void take(int dir, const char *name, told_alone_fn fn, void *arg)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *text = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 ? calloc(1, FILE_MOST + 1) : NULL;
    ssize_t n = text ? pread(fd, text, FILE_MOST, 0) : -1;
    cJSON *problems = n > 0 && utf8_is_valid(text, (size_t)n) ? cJSON_Parse(text) : NULL;
    bool is_list = cJSON_IsArray(problems), has_dropped = is_list && drop_no_problems(problems);
    if (n > 0 && (!is_list || has_dropped))
        log_warning("%s of the run directory cannot be read%s: of what a process that was killed had told, the end is "
                    "not told",
                    name, is_list ? " whole" : "");
    if (is_list) fn(arg, problems);
    if (n >= 0) (void)unlinkat(dir, name, 0);
    cJSON_Delete(problems);
    free(text);
    if (fd >= 0) (void)close(fd);
}

void told_alone_take(struct told_alone *t, told_alone_fn fn, void *arg)
{
    DIR *dir = *t->dir ? opendir(t->dir) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strncmp(e->d_name, BEGINS, strlen(BEGINS)) == 0) take(dirfd(dir), e->d_name, fn, arg);
    if (dir) (void)closedir(dir);
}
