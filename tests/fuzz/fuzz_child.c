/* What a child says to the supervisor: datagrams of its state (notify), and bytes of its log. The first byte chooses; a
 * zero byte in the input ends a datagram. short run: 8000 */
#include <sys/socket.h>

#include "conf/log.h"
#include "conf/text/utf8.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/hooks.h"
#include "tests/fuzz/fuzz.h"

/* In place of the real ones: what is decided stays here. */
void child_event(struct child *c, enum child_event event)
{
    if (event == EVENT_READY) c->machine.state = CHILD_READY;
}

static void on_line(struct supervisor *s, const struct child *c, const char *text, size_t len)
{
    (void)s, (void)c;
    PROMISE(len == 0 || text[len - 1] != '\n');
}

void log_sink_line(struct log_sink *sink, const char *line, size_t len)
{
    (void)sink;
    PROMISE(len > 0 && line[len - 1] == '\n' && !memchr(line, '\n', len - 1));
    for (size_t i = 0; i < len - 1; i++) /* nobody draws on an operator's terminal */
        PROMISE(((unsigned char)line[i] >= 0x20 || line[i] == '\t') && line[i] != 0x7f);
    if (log_format() != LOG_JSON) return;
    cJSON *json = cJSON_ParseWithLength(line, len - 1);
    PROMISE(cJSON_IsObject(json) && utf8_is_valid(line, len));
    cJSON_Delete(json);
}

static void tell(struct child *c, const uint8_t *data, size_t size)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) abort();
    c->notify_fd = pair[0];
    while (size > 0) {
        const uint8_t *end = memchr(data, 0, size);
        size_t n = end ? (size_t)(end - data) : size;
        if (send(pair[1], data, n, MSG_DONTWAIT) < 0 && n < 4096) child_told(pair[0], 0, c);
        size_t used = n + (end != NULL);
        data += used;
        size -= used;
    }
    child_told(pair[0], 0, c);
    PROMISE(memchr(c->status, 0, sizeof c->status) && utf8_is_valid(c->status, strlen(c->status)));
    for (const char *p = c->status; *p; p++) PROMISE((unsigned char)*p >= 0x20);
    close(pair[1]);
    close(pair[0]);
}

static void log_bytes(struct child *c, struct event_base *base, const uint8_t *data, size_t size)
{
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) != 0) abort();
    if (log_stream_open(&c->out, base, pipe_fd[0], child_on_out, c) != 0) abort();
    while (size > 0) {
        ssize_t n = write(pipe_fd[1], data, size < 4096 ? size : 4096);
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
        log_stream_drain(&c->out);
    }
    close(pipe_fd[1]);
    log_stream_drain(&c->out);
    log_stream_close(&c->out);
    size_t len;
    const char *last = line_ring_last(&c->lines, 20, &len);
    PROMISE(len == 0 || last[len - 1] == '\n');
    PROMISE(len <= LINE_RING_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct event_base *base;
    static const struct child_hooks hooks = {.line = on_line};
    static struct supervisor sup = {.hooks = &hooks};
    if (!base && !(base = event_base_new())) abort();
    if (size < 1) return 0;
    struct child c = {.sup = &sup, .notify_fd = -1, .pid = 1};
    c.out.fd = c.err.fd = -1;
    c.machine.state = CHILD_STARTING;
    snprintf(c.spec.name, sizeof c.spec.name, "fuzz");
    c.spec.users = data[0] & 4 ? USER_WEB : 0; /* a role's lines may come ready-made */
    c.exec_fd = -1;
    log_set_format(data[0] & 2 ? LOG_JSON : LOG_TEXT);
    if (data[0] & 1)
        tell(&c, data + 1, size - 1);
    else
        log_bytes(&c, base, data + 1, size - 1);
    line_ring_free(&c.lines);
    return 0;
}
