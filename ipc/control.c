/* The control socket's client side: see control.h. */
#include "ipc/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"

int control_address(const char *run_dir, struct sockaddr_un *out, struct err *err)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(out->sun_path, sizeof out->sun_path, "%s/" CONTROL_SOCKET, run_dir);
    if (n < 0 || (size_t)n >= sizeof out->sun_path)
        return err_set(err, ERR_LIMIT, "the run directory's path is too long for a socket: set LOGIKALD_RUN_DIR");
    return 0;
}

char *control_request(const char *command, int argc, char *const *argv)
{
    struct buf b = {0};
    buf_str(&b, "{\"command\":");
    buf_json_string(&b, command, strlen(command));
    buf_str(&b, ",\"args\":[");
    for (int i = 0; i < argc; i++) {
        if (i > 0) buf_char(&b, ',');
        buf_json_string(&b, argv[i], strlen(argv[i]));
    }
    buf_str(&b, "]}\n");
    return buf_steal(&b);
}

int control_open(struct control_client *c, const char *run_dir, struct err *err)
{
    struct sockaddr_un addr;
    *c = (struct control_client){.fd = -1};
    buf_init(&c->in, CONTROL_ANSWER_BYTES);
    int rc = control_address(run_dir, &addr, err);
    if (rc != 0) return rc;
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd >= 0 && connect(c->fd, (struct sockaddr *)&addr, sizeof addr) == 0) return 0;
    int saved = errno;
    control_close(c);
    errno = saved;
    if (saved == ENOENT || saved == ECONNREFUSED)
        return err_set(err, ERR_NOT_FOUND, "no supervisor runs on %s (LOGIKALD_RUN_DIR names another place)", run_dir);
    return err_errno(err, "%s", addr.sun_path);
}

int control_send(struct control_client *c, const char *command, int argc, char *const *argv, struct err *err)
{
    char *line = control_request(command, argc, argv);
    if (!line) return err_set(err, ERR_NOMEM, "no memory for a request");
    size_t len = strlen(line), sent = 0;
    int rc = len > CONTROL_REQUEST_BYTES ? err_set(err, ERR_LIMIT, "the request is too long") : 0;
    while (rc == 0 && sent < len) {
        ssize_t n = send(c->fd, line + sent, len - sent, MSG_NOSIGNAL);
        if (n >= 0)
            sent += (size_t)n;
        else if (errno != EINTR)
            rc = err_errno(err, "the supervisor does not listen");
    }
    free(line);
    return rc;
}

/* Takes the first line out of the buffer. */
static cJSON *take_line(struct control_client *c, const char *end, struct err *err)
{
    size_t len = (size_t)(end - c->in.data);
    cJSON *json = cJSON_ParseWithLength(c->in.data, len);
    buf_consume(&c->in, len + 1);
    if (!json) err_set(err, ERR_INPUT, "the supervisor's answer is not JSON");
    return json;
}

cJSON *control_read(struct control_client *c, int64_t timeout_ms, struct err *err)
{
    int64_t deadline = mono_ms() + timeout_ms;
    for (;;) {
        const char *end = c->in.len ? memchr(c->in.data, '\n', c->in.len) : NULL;
        if (end) return take_line(c, end, err);
        int64_t left = timeout_ms < 0 ? -1 : deadline - mono_ms();
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        int ready = timeout_ms >= 0 && left <= 0 ? 0 : poll(&p, 1, (int)left);
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) {
            err_set(err, ERR_TIMEOUT, "the supervisor does not answer");
            return NULL;
        }
        char chunk[8192];
        ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            err_set(err, ERR_SYSTEM, "the supervisor closed the connection");
            return NULL;
        }
        if (!buf_add(&c->in, chunk, (size_t)n)) {
            err_set(err, ERR_LIMIT, "the supervisor's answer is too long");
            return NULL;
        }
    }
}

void control_close(struct control_client *c)
{
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    buf_free(&c->in);
}
