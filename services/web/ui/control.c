/* See control.h. One connection for each question; it is closed with the answer, the deadline, or a fault. */
#include "services/web/ui/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "ipc/control.h"

#define ANSWER_S  10
#define LINES_MAX 2000

struct control_question {
    struct bufferevent *io;
    ui_control_fn fn;
    void *arg;
    cJSON *lines;
    int count;
};

static void question_end(struct control_question *q, const cJSON *answer, const struct err *err)
{
    q->fn(q->arg, answer, q->lines, err);
    bufferevent_free(q->io);
    cJSON_Delete(q->lines);
    free(q);
}

static void on_read(struct bufferevent *io, void *arg)
{
    struct control_question *q = arg;
    char *text;
    struct err err = {0};
    while ((text = evbuffer_readln(bufferevent_get_input(io), NULL, EVBUFFER_EOL_LF)) != NULL) {
        cJSON *json = cJSON_Parse(text);
        free(text);
        cJSON *line = cJSON_DetachItemFromObjectCaseSensitive(json, "line");
        if (line) {
            cJSON_Delete(json);
            if (q->count++ < LINES_MAX)
                cJSON_AddItemToArray(q->lines, line);
            else
                cJSON_Delete(line);
            continue;
        }
        if (!json) err_set(&err, ERR_INPUT, "the supervisor's answer is not understood");
        question_end(q, json, json ? NULL : &err);
        cJSON_Delete(json);
        return;
    }
    if (evbuffer_get_length(bufferevent_get_input(io)) <= CONTROL_ANSWER_BYTES) return;
    err_set(&err, ERR_LIMIT, "the supervisor's answer is too long");
    question_end(q, NULL, &err);
}

static void on_event(struct bufferevent *io, short what, void *arg)
{
    (void)io;
    struct err err = {0};
    if (what & BEV_EVENT_CONNECTED) return;
    if (what & BEV_EVENT_TIMEOUT)
        err_set(&err, ERR_TIMEOUT, "the supervisor did not answer within %d seconds", ANSWER_S);
    else
        err_set(&err, ERR_NOT_FOUND, "the supervisor cannot be reached (%s)",
                what & BEV_EVENT_EOF ? "it closed the connection" : strerror(errno));
    question_end(arg, NULL, &err);
}

int ui_control_ask(struct event_base *base, const char *run_dir, const char *command, int argc, char *const *argv,
                   ui_control_fn fn, void *arg, struct err *err)
{
    struct sockaddr_un address;
    int rc = control_address(run_dir, &address, err);
    if (rc < 0) return rc;
    if (access(address.sun_path, F_OK) != 0)
        return err_set(err, ERR_NOT_FOUND, "this web process runs without a supervisor");
    struct control_question *q = calloc(1, sizeof *q);
    char *text = control_request(command, argc, argv);
    rc = -ERR_NOMEM;
    if (!q || !text) goto out;
    q->fn = fn;
    q->arg = arg;
    q->lines = cJSON_CreateArray();
    /* Deferred, so that fn is never called from here. */
    q->io = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!q->lines || !q->io) goto out;
    bufferevent_setcb(q->io, on_read, NULL, on_event, q);
    bufferevent_set_timeouts(q->io, &(struct timeval){.tv_sec = ANSWER_S}, &(struct timeval){.tv_sec = ANSWER_S});
    bufferevent_enable(q->io, EV_READ | EV_WRITE);
    if (bufferevent_socket_connect(q->io, (struct sockaddr *)&address, sizeof address) != 0) {
        rc = err_errno(err, "the supervisor cannot be reached");
        goto out;
    }
    bufferevent_write(q->io, text, strlen(text));
    free(text);
    return 0;
out:
    if (rc == -ERR_NOMEM) err_set(err, ERR_NOMEM, "no memory");
    if (q && q->io) bufferevent_free(q->io);
    if (q) cJSON_Delete(q->lines);
    free(q);
    free(text);
    return rc;
}
