/* Streams of server-sent events: begun, kept alive, and ended when the client is gone or too slow. */
#include "services/web/http/sse.h"

#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "conf/text/buf.h"
#include "services/web/http/reply.h"

#define BEHIND_MAX (256u << 10) /* bytes a client may be behind */

struct sse {
    struct req *req;
    struct sse *next, **link;
    struct event *alive;
    void (*closed)(struct req *r);
};
static struct sse *streams;

static void stream_over(void *arg)
{
    struct sse *s = arg;
    struct req *r = s->req;
    *s->link = s->next;
    if (s->next) s->next->link = s->link;
    event_free(s->alive);
    req_on_gone(r, NULL, NULL);
    if (s->closed) s->closed(r);
    reply_stream_end(r);
}

static bool is_behind(const struct req *r)
{
    struct evhttp_connection *connection = r->is_gone ? NULL : evhttp_request_get_connection(r->ev);
    if (!connection) return true;
    return evbuffer_get_length(bufferevent_get_output(evhttp_connection_get_bufferevent(connection))) > BEHIND_MAX;
}

static bool stream_send(struct req *r, const char *text, size_t len)
{
    if (!is_behind(r) && reply_stream_chunk(r, text, len, NULL)) return true;
    stream_over(r->sse);
    return false;
}

static void on_alive(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    stream_send(arg, ": alive\n\n", 9);
}

bool sse_begin(struct req *r, void (*closed)(struct req *r))
{
    struct sse *s = req_alloc(r, sizeof *s);
    *s = (struct sse){.req = r, .next = streams, .link = &streams, .closed = closed};
    if (s->next) s->next->link = &s->next;
    r->sse = streams = s;
    req_on_gone(r, stream_over, s);
    s->alive = event_new(r->web->base, -1, EV_PERSIST, on_alive, r);
    if (!s->alive) abort();
    event_add(s->alive, &(struct timeval){.tv_sec = SSE_ALIVE_S});
    reply_header(r, "X-Accel-Buffering", "no");
    reply_stream_begin(r, 200, "text/event-stream");
    return stream_send(r, "retry: 2000\n\n", 13);
}

bool sse_event(struct req *r, const char *event, const char *data)
{
    struct buf b = {0};
    if (event) buf_printf(&b, "event: %s\n", event);
    for (const char *p = data;; p++) {
        size_t len = strcspn(p, "\r\n");
        buf_str(&b, "data: ");
        buf_add(&b, p, len);
        buf_char(&b, '\n');
        p += len;
        if (!*p) break;
    }
    buf_char(&b, '\n');
    bool is_sent = !b.failed && stream_send(r, b.data, b.len);
    buf_free(&b);
    return is_sent;
}

void sse_end(struct req *r)
{
    stream_over(r->sse);
}

void sse_end_all(void)
{
    while (streams) stream_over(streams);
}
