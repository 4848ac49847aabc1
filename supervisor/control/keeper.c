/* Keeping the run directory: whoever cleans up there (of old files in /tmp, by hand) must not cut us off. See
 * keeper.h. */
#include "supervisor/control/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "conf/log.h"
#include "supervisor/control/control.h"
#include "supervisor/plan/freeze.h"
#include "supervisor/system/run_dir.h"
#include "supervisor/watch/status.h"

#define LOOK_S 5
#define GONE   (IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF)

struct keeper {
    struct event *tick, *told;
    int fd; /* of inotify; -1 = none: then the tick has to do */
    int watch;
    bool is_displaced; /* another supervisor has our place; told once */
};

static void watch_place(struct supervisor *s)
{
    struct keeper *k = s->keeper;
    if (k->fd >= 0) k->watch = inotify_add_watch(k->fd, s->run_dir, GONE);
}

/* The directory and its lock. False when it is not ours any more. */
static bool keep_place(struct supervisor *s, struct err *err)
{
    char path[PATH_MAX];
    if (!run_dir_is_same(s->dir_fd, s->run_dir)) {
        int fd = run_dir_hold(s->run_dir, err);
        if (fd < 0) return false;
        if (s->dir_fd >= 0) close(s->dir_fd);
        s->dir_fd = fd;
        watch_place(s);
        log_warning("the run directory %s had gone: it is made again", s->run_dir);
    }
    if (!run_dir_is_same(s->lock_fd, run_dir_file(s->run_dir, RUN_DIR_LOCK, path))) {
        int fd = run_dir_lock(s->run_dir, err);
        if (fd < 0) return false;
        if (s->lock_fd >= 0) close(s->lock_fd);
        s->lock_fd = fd;
        log_warning("the lock %s had gone: it is made again", path);
    }
    return true;
}

void keeper_look(struct supervisor *s)
{
    struct keeper *k = s->keeper;
    struct err err = {0};
    if (!k || s->is_torn_down) return;
    bool is_ours = keep_place(s, &err);
    if (!is_ours && !k->is_displaced) log_error("the run directory cannot be kept: %s", err.text);
    k->is_displaced = !is_ours;
    if (!is_ours) return;
    if (control_keep(s, &err) != 0) log_error("the control socket cannot be made again: %s", err.text);
    freeze_keep(s);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    keeper_look(arg);
}

static void on_told(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n;
    bool is_worth = false;
    (void)what;
    while ((n = read((int)fd, events, sizeof events)) > 0)
        for (char *p = events; p < events + n;
             p += sizeof(struct inotify_event) + ((struct inotify_event *)(void *)p)->len) {
            const struct inotify_event *e = (const struct inotify_event *)(const void *)p;
            const char *dot = e->len ? strrchr(e->name, '.') : NULL;
            is_worth = is_worth || !dot || strcmp(dot, ".new") != 0; /* those are ours, on their way */
        }
    if (is_worth) keeper_look(s);
    if (is_worth) status_changed(s);
}

int keeper_open(struct supervisor *s, struct err *err)
{
    struct timeval every = {.tv_sec = LOOK_S};
    struct keeper *k = calloc(1, sizeof *k);
    if (!k) return err_set(err, ERR_NOMEM, "no memory to keep the run directory");
    s->keeper = k;
    k->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    watch_place(s);
    k->tick = event_new(s->base, -1, EV_PERSIST, on_tick, s);
    k->told = k->fd >= 0 ? event_new(s->base, k->fd, EV_READ | EV_PERSIST, on_told, s) : NULL;
    if (!k->tick || event_add(k->tick, &every) != 0 || (k->told && event_add(k->told, NULL) != 0))
        return err_set(err, ERR_NOMEM, "no memory to keep the run directory");
    return 0;
}

void keeper_close(struct supervisor *s)
{
    struct keeper *k = s->keeper;
    if (!k) return;
    if (k->tick) event_free(k->tick);
    if (k->told) event_free(k->told);
    if (k->fd >= 0) close(k->fd);
    free(k);
    s->keeper = NULL;
}
