/* The floor of the HTTP benches: a bare evhttp server that answers each path with bytes that it read once, so that what
 * logikald's web adds to evhttp can be told. floor PORT {PATH FILE}...; a FILE holds headers, an empty line, and the
 * body, as curl -i prints them without the status line. With If-None-Match it answers 304. */
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#define LARGEST (8 << 20)

struct page {
    char *headers[32], *values[32], *body;
    size_t n, size;
};

static void page_read(struct page *p, const char *path)
{
    char *text = malloc(LARGEST);
    FILE *f = fopen(path, "r");
    if (!text || !f) err(1, "%s", path);
    size_t size = fread(text, 1, LARGEST - 1, f);
    fclose(f);
    text[size] = '\0';
    char *line = text, *end;
    while ((end = strstr(line, "\r\n")) && end != line) {
        char *colon = strstr(line, ": ");
        if (!colon || colon > end || p->n == 32) errx(1, "%s: not a header: %s", path, line);
        *colon = *end = '\0';
        p->headers[p->n] = line;
        p->values[p->n++] = colon + 2;
        line = end + 2;
    }
    if (!end) errx(1, "%s: no empty line", path);
    p->body = end + 2;
    p->size = size - (size_t)(p->body - text);
}

static void answer(struct evhttp_request *req, void *arg)
{
    const struct page *p = arg;
    struct evkeyvalq *out = evhttp_request_get_output_headers(req);
    for (size_t i = 0; i < p->n; i++) evhttp_add_header(out, p->headers[i], p->values[i]);
    if (evhttp_find_header(evhttp_request_get_input_headers(req), "If-None-Match")) {
        evhttp_send_reply(req, HTTP_NOTMODIFIED, "Not Modified", NULL);
        return;
    }
    evbuffer_add_reference(evhttp_request_get_output_buffer(req), p->body, p->size, NULL, NULL);
    evhttp_send_reply(req, HTTP_OK, "OK", NULL);
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc % 2) errx(2, "usage: floor PORT {PATH FILE}...");
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    if (!base || !http) errx(1, "out of memory");
    for (int i = 2; i < argc; i += 2) {
        struct page *p = calloc(1, sizeof(*p));
        if (!p) errx(1, "out of memory");
        page_read(p, argv[i + 1]);
        if (evhttp_set_cb(http, argv[i], answer, p)) errx(1, "%s", argv[i]);
    }
    struct evhttp_bound_socket *bound =
        evhttp_bind_socket_with_handle(http, "127.0.0.1", (ev_uint16_t)strtoul(argv[1], NULL, 10));
    int on = 1; /* those that it accepts inherit it */
    if (!bound || setsockopt(evhttp_bound_socket_get_fd(bound), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
        err(1, "port %s", argv[1]);
    return event_base_dispatch(base) < 0;
}
