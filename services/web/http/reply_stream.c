/* Answers piece by piece: see reply.h. The next piece is made when the last one has left, so a slow reader costs one
 * piece of memory, and the server cuts a reader that takes a piece too slowly. */
#include "services/web/http/reply_internal.h"

#include <sys/socket.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/web/http/message/gzip.h"

/* To a client of HTTP/1.0 the end of the connection is the end of the answer. Until ours is whole, every other end (a
 * deadline, or that of this process) has to be a reset. */
static void end_by_reset(struct req *r, bool is_wanted)
{
    const struct linger linger = {.l_onoff = is_wanted, .l_linger = 0};
    struct evhttp_connection *connection = r->is_gone ? NULL : evhttp_request_get_connection(r->ev);
    bool is_chunked = evhttp_find_header(evhttp_request_get_output_headers(r->ev), "Transfer-Encoding") != NULL;
    if (!connection || is_chunked) return;
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

/* One that wants to keep its connection would get the length of what is there now, none: it is not heard. */
static void end_by_closing(struct req *r)
{
    bool has_length = evhttp_find_header(evhttp_request_get_output_headers(r->ev), "Content-Length") != NULL;
    if (r->is_http_1_0 && !has_length) evhttp_remove_header(evhttp_request_get_input_headers(r->ev), "Connection");
}

void reply_stream_begin(struct req *r, int status, const char *type)
{
    reply_common_headers(r, status, type);
    r->is_streaming = true;
    if (!evhttp_request_get_connection(r->ev)) r->is_gone = true;
    if (r->is_gone) return; /* the next chunk is not taken */
    end_by_closing(r);
    evhttp_send_reply_start(r->ev, status, reply_reason(status));
    end_by_reset(r, true);
}

void reply_stream_begin_gzip(struct req *r, int status, const char *type)
{
    reply_header_default(r, "Vary", "Accept-Encoding");
    if (reply_accepts_gzip(r) && (r->packer = gzip_stream_new()) != NULL) reply_header(r, "Content-Encoding", "gzip");
    reply_stream_begin(r, status, type);
}

static void on_sent(struct evhttp_connection *connection, void *arg)
{
    (void)connection;
    struct req *r = arg;
    void (*more)(struct req *) = r->more;
    r->more = NULL;
    if (more) more(r);
}

static void send_piece(struct req *r, struct evbuffer *body, void (*more)(struct req *r))
{
    r->piece_bytes = evbuffer_get_length(body);
    r->piece_ms = mono_ms();
    r->bytes += r->piece_bytes;
    r->more = more;
    evhttp_send_reply_chunk_with_cb(r->ev, body, more ? on_sent : NULL, r);
}

bool reply_stream_chunk(struct req *r, const void *bytes, size_t len, void (*more)(struct req *r))
{
    if (r->is_gone || r->is_head || !evhttp_request_get_connection(r->ev)) return false;
    struct evbuffer *body = evbuffer_new();
    bool is_good =
        body && (r->packer ? gzip_stream_add(r->packer, bytes, len, body) : evbuffer_add(body, bytes, len) == 0);
    if (is_good) send_piece(r, body, more);
    if (body) evbuffer_free(body);
    if (is_good) return true;
    r->is_broken = true;
    return false;
}

/* The rest of a compressed answer, with its checksum. */
static bool send_trailer(struct req *r)
{
    if (!r->packer || r->is_head || r->is_gone || !evhttp_request_get_connection(r->ev)) return true;
    struct evbuffer *body = evbuffer_new();
    bool is_good = body && gzip_stream_end(r->packer, body);
    if (is_good) send_piece(r, body, NULL);
    if (body) evbuffer_free(body);
    return is_good;
}

static void on_complete(struct evhttp_request *ev, void *arg)
{
    (void)ev;
    end_by_reset(arg, false);
    reply_over(arg);
}

static void finish(struct req *r)
{
    struct evhttp_request *ev = r->ev;
    r->is_replied = true;
    r->worked_ms = mono_ms() - r->started_us / 1000;
    r->more = NULL;
    if (!evhttp_request_get_connection(ev) || r->is_gone) {
        reply_over(r);
        evhttp_request_free(ev);
        return;
    }
    evhttp_request_set_on_complete_cb(ev, on_complete, r);
    evhttp_send_reply_end(ev);
}

void reply_stream_end(struct req *r)
{
    if (r->is_broken || !send_trailer(r)) {
        reply_stream_abort(r, 500);
        return;
    }
    finish(r);
}

/* Disconnecting a TCP socket this way sends a reset at once. */
void reply_stream_abort(struct req *r, int status)
{
    struct evhttp_connection *connection = r->is_gone ? NULL : evhttp_request_get_connection(r->ev);
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    r->status = status;
    if (connection) {
        log_warning("request %s: the answer was cut after %zu bytes", r->id, r->bytes);
        int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
        if (connect(fd, &nowhere, sizeof nowhere) != 0) shutdown(fd, SHUT_RDWR);
    }
    finish(r);
}
