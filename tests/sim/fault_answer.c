/* Carrying out faults: see fault_answer.h. What takes time (slow, hang, huge) is a `drip`: a piece of an answer, a
 * timer, the next piece, and at its end either a whole answer or a closed connection. */
#include "tests/sim/fault_answer.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conf/clock.h"

#define DRIP_PIECES      20
#define HUGE_PIECE_BYTES 65536

struct drip {
    LIST_ENTRY(drip) link;
    struct sim *sim;
    struct evhttp_request *req;
    struct event *timer;
    struct buf body;
    size_t sent, end; /* end: bytes after which it stops */
    size_t piece;
    double interval_ms;
    bool is_whole; /* the answer ends properly */
    bool is_reset, is_repeating;
    char token[GUID_SIZE]; /* a new session that is closed again if its owner never gets the answer */
};

bool fault_before(struct call *call)
{
    switch (call->fault->kind) {
    case FAULT_STATUS: call_error(call, call->fault->status, "The service is not available at the moment."); break;
    case FAULT_LOCKED: call_error(call, 409, "The requested resource is locked or in use by another user."); break;
    case FAULT_EXPIRE:
        if (call->session) { /* looking for it tells its owner */
            char token[GUID_SIZE];
            memcpy(token, call->session->token, sizeof token);
            session_expire(&call->sim->sessions, call->session);
            call->session = session_find(&call->sim->sessions, token, mono_ms());
        }
        call_error(call, 401, "Invalid session authentication identifier.");
        break;
    case FAULT_CUT:
    case FAULT_HANG: break;
    default: return false;
    }
    return true;
}

/* Spoils one object: what it holds is renamed, emptied or turned into another type, by turns. */
static void spoil_object(cJSON *object, unsigned long turn)
{
    switch (turn % 4) {
    case 0:
        cJSON_ReplaceItemInObjectCaseSensitive(object, "id", cJSON_CreateNumber(42));
        cJSON_ReplaceItemInObjectCaseSensitive(object, "path", cJSON_CreateFalse());
        break;
    case 1:
        cJSON_DeleteItemFromObjectCaseSensitive(object, "id");
        cJSON_DeleteItemFromObjectCaseSensitive(object, "path");
        break;
    case 2:
        cJSON_ReplaceItemInObjectCaseSensitive(object, "name", cJSON_CreateArray());
        cJSON_ReplaceItemInObjectCaseSensitive(object, "changedDate", cJSON_CreateString("yesterday"));
        break;
    default:
        cJSON_ReplaceItemInObjectCaseSensitive(object, "width", cJSON_CreateString("wide"));
        cJSON_ReplaceItemInObjectCaseSensitive(object, "createdDate", cJSON_CreateNumber(-1e300));
        cJSON_DeleteItemFromObjectCaseSensitive(object, "name");
        break;
    }
}

static void spoil_types(struct call *call)
{
    unsigned long turn = call->fault->struck;
    cJSON *json = cJSON_ParseWithLength(call->body.data, call->body.len);
    cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data"), *object;
    if (turn % 6 == 0 || !data) {
        cJSON_Delete(json);
        json = cJSON_CreateString("data");
    } else if (turn % 6 == 5) {
        cJSON_ReplaceItemInObjectCaseSensitive(json, "data", cJSON_CreateNull());
    } else if (cJSON_IsArray(data)) {
        cJSON_ArrayForEach(object, data) spoil_object(object, turn);
    } else {
        cJSON_ReplaceItemInObjectCaseSensitive(json, "data", cJSON_CreateNumber(7));
    }
    char *text = cJSON_PrintUnformatted(json);
    buf_reset(&call->body);
    if (text) buf_str(&call->body, text);
    free(text);
    cJSON_Delete(json);
}

void fault_spoil(struct call *call)
{
    enum fault_kind kind = call->fault->kind;
    if (kind == FAULT_GARBAGE) {
        buf_reset(&call->body);
        buf_str(&call->body, "<html>\xff\xfe{\"data\":[{\"id\":\"\\uD800");
    } else if (kind == FAULT_WRONG_TYPE) {
        spoil_types(call);
    }
    /* Nobody can log out of a session whose token never arrived. */
    bool is_lost = kind == FAULT_GARBAGE || kind == FAULT_WRONG_TYPE || kind == FAULT_TRUNCATE || kind == FAULT_HUGE ||
                   kind == FAULT_LOST;
    if (is_lost && call->route->endpoint == EP_AUTH && call->session) {
        session_close(&call->sim->sessions, call->session);
        call->sim->stats.logins--;
        call->session = NULL;
    }
}

static void drip_free(struct drip *drip)
{
    LIST_REMOVE(drip, link);
    if (drip->timer) event_free(drip->timer);
    buf_free(&drip->body);
    free(drip);
}

void fault_answers_free(struct sim *sim)
{
    while (!LIST_EMPTY(&sim->drips)) {
        struct drip *drip = LIST_FIRST(&sim->drips);
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freeing it takes it off the list */
        evhttp_connection_set_closecb(evhttp_request_get_connection(drip->req), NULL, NULL);
        drip_free(drip);
    }
}

static void on_gone(struct evhttp_connection *connection, void *arg)
{
    (void)connection;
    struct drip *drip = arg;
    struct session *session = *drip->token ? session_find(&drip->sim->sessions, drip->token, mono_ms()) : NULL;
    if (session) {
        session_close(&drip->sim->sessions, session);
        drip->sim->stats.logins--;
    }
    drip_free(drip);
}

static void drip_end(struct drip *drip)
{
    struct evhttp_request *req = drip->req;
    struct evhttp_connection *connection = evhttp_request_get_connection(req);
    evhttp_connection_set_closecb(connection, NULL, NULL);
    if (drip->is_whole) {
        evhttp_send_reply_end(req);
    } else {
        struct linger hard = {1, 0};
        evutil_socket_t fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
        if (drip->is_reset) setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        drip->sim->stats.cut++;
        evhttp_connection_free(connection);
    }
    drip_free(drip);
}

static void drip_wait(struct drip *drip)
{
    struct timeval tv = {(time_t)(drip->interval_ms / 1e3), (suseconds_t)((long)(drip->interval_ms * 1e3) % 1000000)};
    evtimer_add(drip->timer, &tv);
}

static void on_written(struct evhttp_connection *connection, void *arg)
{
    (void)connection;
    drip_wait(arg);
}

static void on_drip(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct drip *drip = arg;
    if (drip->sent >= drip->end) {
        drip_end(drip);
        return;
    }
    size_t left = drip->end - drip->sent, piece = left < drip->piece ? left : drip->piece;
    struct evbuffer *out = evbuffer_new();
    if (!out) abort();
    evbuffer_add(out, drip->body.data + (drip->is_repeating ? 0 : drip->sent), piece);
    drip->sent += piece;
    drip->sim->stats.bytes_out += piece;
    evhttp_send_reply_chunk_with_cb(drip->req, out, on_written, drip);
    evbuffer_free(out);
}

static struct drip *drip_new(struct call *call)
{
    struct drip *drip = calloc(1, sizeof *drip);
    if (!drip) abort();
    drip->sim = call->sim;
    drip->req = call->req;
    drip->body = call->body;
    drip->is_reset = call->fault->is_reset;
    call->body = (struct buf){0};
    LIST_INSERT_HEAD(&call->sim->drips, drip, link);
    drip->timer = evtimer_new(call->sim->base, on_drip, drip);
    if (!drip->timer) abort();
    evhttp_connection_set_closecb(evhttp_request_get_connection(call->req), on_gone, drip);
    return drip;
}

static void send_head(struct call *call, struct drip *drip, size_t length)
{
    char text[32];
    struct evkeyvalq *headers = evhttp_request_get_output_headers(call->req);
    evhttp_add_header(headers, "Content-Type", call->content_type);
    evutil_snprintf(text, sizeof text, "%zu", length);
    evhttp_add_header(headers, "Content-Length", text);
    evhttp_send_reply_start(call->req, call->status, NULL);
    drip->piece = drip->end / DRIP_PIECES + 1;
}

bool fault_send(struct call *call)
{
    enum fault_kind kind = call->fault->kind;
    if (kind != FAULT_CUT && kind != FAULT_HANG && kind != FAULT_SLOW && kind != FAULT_TRUNCATE && kind != FAULT_HUGE &&
        kind != FAULT_LOST)
        return false;
    struct drip *drip = drip_new(call);
    size_t length = drip->body.len;
    if (kind == FAULT_HANG) drip->interval_ms = call->fault->duration_ms;
    if (kind == FAULT_SLOW) {
        drip->end = length;
        drip->is_whole = true;
        drip->interval_ms = call->fault->duration_ms / DRIP_PIECES;
        if (call->route->endpoint == EP_AUTH && call->session) memcpy(drip->token, call->session->token, GUID_SIZE);
        send_head(call, drip, length);
    } else if (kind == FAULT_TRUNCATE) {
        drip->end = length / 2;
        send_head(call, drip, length);
    } else if (kind == FAULT_HUGE) {
        drip->end = (size_t)call->fault->size_bytes;
        drip->is_whole = drip->is_repeating = true;
        buf_reset(&drip->body);
        while (drip->body.len < HUGE_PIECE_BYTES) buf_str(&drip->body, "{\"data\":[\"huge\",");
        send_head(call, drip, drip->end);
        drip->piece = HUGE_PIECE_BYTES;
    }
    drip_wait(drip);
    return true;
}
