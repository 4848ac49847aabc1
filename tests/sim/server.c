/* Serving: see server.h. */
#include "tests/sim/server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "tests/sim/control.h"
#include "tests/sim/dump.h"
#include "tests/sim/fault_answer.h"

#define BODY_LIMIT_BYTES (1 << 20)

static void call_free(struct call *call)
{
    LIST_REMOVE(call, link);
    call->sim->stats.in_flight--;
    if (call->timer) event_free(call->timer);
    buf_free(&call->body);
    free(call);
}

void call_error(struct call *call, int status, const char *message)
{
    call->status = status;
    buf_reset(&call->body);
    buf_str(&call->body, "{\"message\":");
    buf_json_string(&call->body, message, strlen(message));
    buf_printf(&call->body, ",\"code\":%d,\"hints\":[],\"warnings\":[],\"errors\":[", status);
    buf_json_string(&call->body, message, strlen(message));
    buf_str(&call->body, "]}");
}

void call_success(struct call *call)
{
    call->status = 200;
    buf_str(&call->body, "{\"hints\":[],\"warnings\":[]}");
}

void server_reply(struct sim *sim, struct evhttp_request *req, int status, const char *content_type, struct buf *body)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    evhttp_add_header(headers, "Content-Type", content_type);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    if (status == 401) evhttp_add_header(headers, "WWW-Authenticate", "Bearer");
    evbuffer_add(evhttp_request_get_output_buffer(req), body->data, body->len);
    sim->stats.bytes_out += body->len;
    evhttp_send_reply(req, status, NULL, NULL);
    buf_free(body);
}

cJSON *request_json(struct evhttp_request *req)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(req);
    size_t len = evbuffer_get_length(in);
    return len ? cJSON_ParseWithLength((const char *)evbuffer_pullup(in, -1), len) : NULL;
}

static const char *bearer(struct evhttp_request *req)
{
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(req), "Authorization");
    if (!value || strncasecmp(value, "Bearer ", 7) != 0) return "";
    return value + 7 + strspn(value + 7, " ");
}

/* The row for this method and path; copies the variable segment to id. With the path known but not the method,
 * NULL and *status 405; else 404. */
static const struct route *route_find(enum evhttp_cmd_type method, const char *path, char *id, int *status)
{
    *status = 404;
    for (const struct route *r = api_routes; r->path; r++) {
        const char *variable = strstr(r->path, "{id}");
        size_t head = variable ? (size_t)(variable - r->path) : strlen(r->path);
        size_t len = variable ? strcspn(path + (strlen(path) < head ? strlen(path) : head), "/") : 0;
        if (strncmp(path, r->path, head) != 0) continue;
        if (strcmp(path + head + len, variable ? variable + 4 : "") != 0) continue;
        if (variable && (len == 0 || len >= IDENTIFIER_SIZE || strncmp(path + head, "selected", len) == 0)) continue;
        *status = 405;
        if (r->method != method) continue;
        memcpy(id, path + head, len);
        id[len] = 0;
        return r;
    }
    return NULL;
}

static void log_call(const struct call *call)
{
    if (!call->sim->options.is_verbose) return;
    log_info("%d %s%s%s (%zu bytes)", call->status, endpoint_name(call->route->endpoint), *call->id ? " " : "",
             call->id, call->body.len);
}

static void choose_lie(struct call *call)
{
    call->lie = lies_pick(call);
    if (!call->lie || !call->lie->has_fault) return;
    call->fault_copy = call->lie->fault;
    call->fault = &call->fault_copy;
}

static void call_carry_out(struct call *call)
{
    struct sim *sim = call->sim;
    if (!call->route->is_public) call->session = session_find(&sim->sessions, bearer(call->req), mono_ms());
    if (!call->fault && sim->lies.armed_count && (call->route->is_public || call->session)) choose_lie(call);
    if (call->fault && fault_before(call)) return;
    if (call->lie && lie_before(call, call->lie)) return;
    if (!call->route->is_public && !call->session) {
        call_error(call, 401, "Invalid session authentication identifier.");
        return;
    }
    call->route->handle(call);
    if (call->lie) lie_spoil(call, call->lie);
    if (call->fault) fault_spoil(call);
}

static void call_answer(struct call *call)
{
    struct stats *stats = &call->sim->stats;
    if (call->fault && fault_send(call)) return;
    stats->statuses[call->status]++;
    if (call->fault && call->fault->retry_after_s >= 0) {
        char text[16];
        snprintf(text, sizeof text, "%d", call->fault->retry_after_s);
        evhttp_add_header(evhttp_request_get_output_headers(call->req), "Retry-After", text);
    }
    server_reply(call->sim, call->req, call->status, call->content_type, &call->body);
}

/* evhttp reads nothing while an answer is due, so it does not notice a client that hangs up: the socket tells. */
static bool has_hung_up(struct evhttp_request *req)
{
    char byte;
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
    return recv(bufferevent_getfd(bev), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct call *call = arg;
    if (call->req) evhttp_connection_set_closecb(evhttp_request_get_connection(call->req), NULL, NULL);
    if (call->req && call->timer && has_hung_up(call->req)) {
        evhttp_connection_free(evhttp_request_get_connection(call->req));
    } else if (call->req) {
        call_carry_out(call);
        log_call(call);
        call_answer(call);
    }
    call_free(call);
}

static void on_gone(struct evhttp_connection *connection, void *arg)
{
    (void)connection;
    ((struct call *)arg)->req = NULL;
}

/* How long this call takes from now; calls of one session queue up behind each other. */
static double wait_ms(struct call *call)
{
    const struct options *o = &call->sim->options;
    double delay_ms = o->delay_ms[call->route->delay] * o->delay_scale;
    if (call->route->is_public) return delay_ms;
    int64_t now_ms = mono_ms();
    struct session *session = session_find(&call->sim->sessions, bearer(call->req), now_ms);
    if (!session) return 0;
    int64_t start_ms = session->busy_until_ms > now_ms ? session->busy_until_ms : now_ms;
    session->busy_until_ms = start_ms + (int64_t)delay_ms;
    return (double)(start_ms - now_ms) + delay_ms;
}

static void call_begin(struct sim *sim, struct evhttp_request *req, const struct route *route, const char *id)
{
    struct call *call = calloc(1, sizeof *call);
    if (!call) abort();
    call->sim = sim;
    call->req = req;
    call->route = route;
    call->content_type = "application/json; charset=utf-8";
    memcpy(call->id, id, strlen(id) + 1);
    LIST_INSERT_HEAD(&sim->calls, call, link);
    sim->stats.calls[route->endpoint]++;
    if (++sim->stats.in_flight > sim->stats.in_flight_peak) sim->stats.in_flight_peak = sim->stats.in_flight;
    const struct fault_rule *fault = faults_pick(&sim->faults, route->endpoint);
    if (fault) {
        call->fault_copy = *fault;
        call->fault = &call->fault_copy;
        sim->stats.faults++;
    }
    double ms = wait_ms(call);
    if (ms < 0.5 && !fault &&
        !sim->lies.armed_count) { /* a fault may close the connection, which must not be done from here */
        on_timer(-1, 0, call);
        return;
    }
    struct timeval tv = {(time_t)(ms / 1e3), (suseconds_t)((ms - 1e3 * (double)(time_t)(ms / 1e3)) * 1e3)};
    evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_gone, call);
    call->timer = evtimer_new(sim->base, on_timer, call);
    if (!call->timer) abort();
    evtimer_add(call->timer, &tv);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct sim *sim = arg;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
    char id[IDENTIFIER_SIZE] = "";
    int status = 404;

    if (!path) path = "";
    if (strncmp(path, CONTROL_PREFIX, strlen(CONTROL_PREFIX)) == 0) {
        control_handle(sim, req, path + strlen(CONTROL_PREFIX));
        return;
    }
    const struct route *route = NULL;
    if (strncmp(path, API_PREFIX, strlen(API_PREFIX)) == 0)
        route = route_find(evhttp_request_get_command(req), path + strlen(API_PREFIX), id, &status);
    if (route) {
        call_begin(sim, req, route, id);
        return;
    }
    struct call call = {.sim = sim};
    sim->stats.calls[EP_UNKNOWN]++;
    sim->stats.statuses[status]++;
    call_error(&call, status, status == 405 ? "This method is not allowed here." : "There is no such resource.");
    server_reply(sim, req, status, "application/json; charset=utf-8", &call.body);
}

static int bound_port(struct evhttp_bound_socket *socket)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    memset(&address, 0, sizeof address);
    if (getsockname(evhttp_bound_socket_get_fd(socket), (struct sockaddr *)&address, &len) < 0) return -1;
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int server_open(struct sim *sim, struct err *err)
{
    const struct options *o = &sim->options;
    sim->base = event_base_new();
    sim->http = sim->base ? evhttp_new(sim->base) : NULL;
    if (!sim->http) return err_set(err, ERR_NOMEM, "cannot make an event loop");
    evhttp_set_allowed_methods(sim->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PATCH | EVHTTP_REQ_DELETE |
                                              EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT);
    evhttp_set_max_body_size(sim->http, BODY_LIMIT_BYTES);
    evhttp_set_gencb(sim->http, on_request, sim);
    struct evhttp_bound_socket *socket = evhttp_bind_socket_with_handle(sim->http, o->host, (ev_uint16_t)o->port);
    if (!socket)
        return err_errno(err, "cannot listen on %s:%d (is the port free? --port 0 takes any free one)", o->host,
                         o->port);
    /* Accepted sockets inherit it; without it the tail of a large answer waits for the client's delayed ACK. */
    int on = 1;
    setsockopt(evhttp_bound_socket_get_fd(socket), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sim->port = bound_port(socket);
    return 0;
}

void server_close(struct sim *sim)
{
    while (!LIST_EMPTY(&sim->calls)) {
        struct call *call = LIST_FIRST(&sim->calls);
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freeing it takes it off the list */
        if (call->req) evhttp_connection_set_closecb(evhttp_request_get_connection(call->req), NULL, NULL);
        call_free(call);
    }
    fault_answers_free(sim);
    dumps_free(sim);
    if (sim->http) evhttp_free(sim->http);
    if (sim->base) event_base_free(sim->base);
}
