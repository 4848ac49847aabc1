/* See refusal.h. */
#include "services/web/http/refusal.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <event2/buffer.h>

#include "conf/random.h"
#include "services/web/http/server.h"

#define HEAD_BYTES 512  /* evhttp's own answers are shorter than this */
#define READ_BYTES 4096 /* at once, by evbuffer_read */

/* The status of evhttp's own answer; 0 when the output is something else. */
static int status_of(struct evbuffer *output)
{
    char head[HEAD_BYTES + 1], *end;
    ev_ssize_t n = evbuffer_copyout(output, head, HEAD_BYTES);
    if (n < 13) return 0;
    head[n] = 0;
    if (strncmp(head, "HTTP/1.", 7) != 0 || strstr(head, "X-Request-ID: ")) return 0;
    long status = strtol(head + 9, &end, 10);
    return end == head + 12 && status >= 400 && status <= 599 ? (int)status : 0;
}

static void peer_of(struct bufferevent *bev, char *out, size_t size)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    snprintf(out, size, "unknown");
    if (getpeername(bufferevent_getfd(bev), (struct sockaddr *)&a, &len) == 0)
        getnameinfo((struct sockaddr *)&a, len, out, (socklen_t)size, NULL, 0, NI_NUMERICHOST);
    if (strncmp(out, "::ffff:", 7) == 0) memmove(out, out + 7, strlen(out + 7) + 1);
}

static void add_detail(const struct web *web, int status, char *out, size_t size)
{
    switch (status) {
    case 413:
        snprintf(out, size, "The body is larger than %lld bytes, or its chunks are malformed",
                 (long long)conf_int(web->conf, SET_HTTP_MAX_BODY));
        break;
    case 417: snprintf(out, size, "Only Expect: 100-continue is understood"); break;
    case 501: snprintf(out, size, "This method is not known"); break;
    case 431:
        snprintf(out, size, "The request line and headers are larger than %lld bytes",
                 (long long)conf_int(web->conf, SET_HTTP_MAX_HEADERS));
        break;
    default: snprintf(out, size, "The request is malformed (it is not HTTP/1.1 as RFC 9112 has it)"); break;
    }
}

static const char *reason(int status)
{
    return status == 413   ? "Content Too Large"
           : status == 431 ? "Request Header Fields Too Large"
           : status == 417 ? "Expectation Failed"
           : status == 501 ? "Not Implemented"
           : status == 400 ? "Bad Request"
                           : "Refused";
}

/* evhttp reads 4 KiB at a time, and refuses malformed headers as soon as it sees them: so when more than the limit and
 * a read has come, they are too large. */
static bool is_too_large(const struct web *web, int status, size_t received)
{
    return status == 400 && received > (size_t)conf_int(web->conf, SET_HTTP_MAX_HEADERS) + READ_BYTES;
}

bool refusal_replace(const struct web *web, struct bufferevent *bev, size_t received)
{
    struct evbuffer *output = bufferevent_get_output(bev);
    evbuffer_unfreeze(output, 1); /* a socket's bufferevent lets nobody else look at the front, or take from it */
    int status = status_of(output);
    if (status) evbuffer_drain(output, evbuffer_get_length(output));
    evbuffer_freeze(output, 1);
    if (!status) return false;
    if (is_too_large(web, status, received)) status = 431;
    char id[17], address[64], detail[256], body[300];
    random_token_hex(id, 8);
    peer_of(bev, address, sizeof(address));
    add_detail(web, status, detail, sizeof(detail));
    int len = snprintf(body, sizeof(body), "{\"detail\":\"%s\"}", detail);
    evbuffer_add_printf(output,
                        "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nX-Request-ID: %s\r\n"
                        "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n%s",
                        status, reason(status), len, id, body);
    server_hooks(web->server)->unreadable(web, &(struct refused){id, address, status, (size_t)len});
    return true;
}
