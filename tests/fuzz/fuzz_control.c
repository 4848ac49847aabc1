/* The supervisor's control socket: the bytes go through a real connection to the real commands, on a supervisor with
 * one child that has no process. What would reach beyond it (reload, settings, the end) is replaced.
 * short run: 6000 */
#include <sys/socket.h>
#include <sys/stat.h>

#include "conf/machine/random.h"
#include "ipc/control.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/events.h"
#include "supervisor/control/control.h"
#include "supervisor/control/overrides.h"
#include "supervisor/control/reload.h"
#include "supervisor/watch/status.h"
#include "tests/fuzz/fuzz.h"

void child_event(struct child *c, enum child_event event)
{
    (void)c, (void)event;
}

int supervisor_reload(struct supervisor *s, struct err *err)
{
    (void)s;
    return err_set(err, ERR_CONFIG, "not here");
}

void supervisor_stop(struct supervisor *s, int exit_status, const char *why)
{
    (void)s, (void)exit_status, (void)why;
}

void children_settle_soon(struct supervisor *s)
{
    (void)s;
}

void status_changed(struct supervisor *s)
{
    (void)s;
}

int64_t log_sink_dropped(const struct log_sink *sink)
{
    (void)sink;
    return 0;
}

int64_t events_dropped(const struct supervisor *s)
{
    (void)s;
    return 0;
}

static void remove_run_dir(void);
static struct supervisor sup = {.guardian_fd = -1, .listen_fd = -1, .lock_fd = -1, .control_fd = -1};
static struct child child = {.sup = &sup, .notify_fd = -1};
static struct sockaddr_un address;

static void set_up(void)
{
    struct err err = {0};
    struct conf_paths paths = {0};
    snprintf(sup.run_dir, sizeof sup.run_dir, "/tmp/fuzz-control-XXXXXX");
    if (!mkdtemp(sup.run_dir)) abort();
    atexit(remove_run_dir);
    sup.base = event_base_new();
    sup.conf = conf_load(&paths, &err);
    TAILQ_INIT(&sup.children);
    LIST_INIT(&sup.watched);
    random_uuid4(sup.id);
    snprintf(child.spec.name, sizeof child.spec.name, "web.0");
    snprintf(child.spec.role, sizeof child.spec.role, "web");
    TAILQ_INSERT_TAIL(&sup.children, &child, link);
    for (int i = 0; i < 30; i++) line_ring_add(&child.lines, "a line", 6);
    if (!sup.base || !sup.conf || status_open(&sup, &err) != 0 || control_serve(&sup, &err) != 0 ||
        control_address(sup.run_dir, &address, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

static void remove_run_dir(void)
{
    control_stop(&sup);
    status_close(&sup);
    free(sup.overrides);
    rmdir(sup.run_dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!sup.base) set_up();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) abort();
    size_t half = size / 2, sent = 0;
    for (int turn = 0; turn < 2; turn++) { /* in two pieces, as a socket may bring them */
        size_t n = turn == 0 ? half : size - half;
        if (n > 0 && send(fd, data + sent, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) break;
        sent += n;
        for (int i = 0; i < 4; i++) event_base_loop(sup.base, EVLOOP_NONBLOCK);
    }
    static char answer[CONTROL_ANSWER_BYTES];
    ssize_t n = recv(fd, answer, sizeof answer - 1, MSG_DONTWAIT);
    if (n > 0) PROMISE(answer[0] == '{' && answer[n - 1] == '\n');
    close(fd);
    for (int i = 0; i < 4; i++) event_base_loop(sup.base, EVLOOP_NONBLOCK);
    return 0;
}
