/* Bytes from Redis become answers: hiredis reads the protocol, answers go to the calls in their order, errors are put
 * into classes that tell whether to try again. Also the writing of commands (RESP arrays of bulk strings). */
#include "ipc/redis/redis_internal.h"

#include <stdio.h>
#include <string.h>
#include <event2/buffer.h>

#include "conf/clock.h"

static const struct {
    const char *prefix;
    enum redis_fault fault;
} classes[] = {
    {"LOADING", REDIS_LOADING},
    {"READONLY", REDIS_READONLY},
    {"OOM", REDIS_OOM},
    {"BUSY ", REDIS_BUSY},
    {"MASTERDOWN", REDIS_BUSY},
    {"TRYAGAIN", REDIS_BUSY},
    {"CLUSTERDOWN", REDIS_BUSY},
    {"NOREPLICAS", REDIS_BUSY},
    {"MISCONF", REDIS_OOM},
    {"NOAUTH", REDIS_NOAUTH},
    {"WRONGPASS", REDIS_NOAUTH},
    {"NOPERM", REDIS_NOAUTH},
    {"UNBLOCKED", REDIS_READONLY},
    {"ERR max number of clients", REDIS_BUSY},
    {"ERR invalid password", REDIS_NOAUTH},
};

bool redis_fault_is_passing(enum redis_fault fault)
{
    return fault != REDIS_FINE && fault != REDIS_REFUSED && fault != REDIS_NOAUTH && fault != REDIS_CLOSED;
}

/* Errors from inside a script carry the original's text somewhere behind: "ERR Error running script ... @user_script:
 * 12: READONLY You can't write". */
static enum redis_fault redis_fault_of(const char *error)
{
    size_t n = sizeof classes / sizeof *classes;
    for (size_t i = 0; i < n; i++)
        if (strncmp(error, classes[i].prefix, strlen(classes[i].prefix)) == 0) return classes[i].fault;
    if (strstr(error, "script"))
        for (size_t i = 0; i < n; i++) {
            const char *at = strstr(error, classes[i].prefix);
            if (at && at > error && (at[-1] == ' ' || at[-1] == '-')) return classes[i].fault;
        }
    return REDIS_REFUSED;
}

static void dispatch(struct redis *r, const redisReply *reply)
{
    if (r->is_subscriber && r->state == REDIS_UP && sub_take(r, reply)) return;
    struct redis_call *call = STAILQ_FIRST(&r->calls);
    if (!call) {
        bool is_error = reply->type == REDIS_REPLY_ERROR;
        bool is_refused = is_error && redis_fault_of(reply->str) == REDIS_NOAUTH;
        if (is_refused && r->is_subscriber)
            redis_drop(r, REDIS_LOST, "the Redis user may not subscribe (%s): ACL SETUSER ... &*", reply_error(reply));
        else
            redis_drop(r, REDIS_LOST, "%s", is_error ? reply_error(reply) : "an answer to no question");
        if (is_refused && r->state == REDIS_WAITING) redis_set_timer(r, REDIS_REFUSED_MS);
        return;
    }
    if (script_repeat(r, call, reply)) return;
    STAILQ_REMOVE_HEAD(&r->calls, link);
    r->call_count--;
    struct redis_answer answer = {.reply = reply, .fault = REDIS_FINE, .text = ""};
    if (reply->type == REDIS_REPLY_ERROR) {
        answer.fault = redis_fault_of(reply->str);
        answer.text = reply_error(reply);
    }
    enum redis_fault fault = answer.fault;
    redis_answer_call(call, &answer);
    if (fault == REDIS_NOAUTH || fault == REDIS_REFUSED) probe_doubt(r);
    /* The master has moved: look for it again. */
    if (fault == REDIS_READONLY && r->state == REDIS_UP) redis_drop(r, REDIS_LOST, "the server is read-only");
    if (fault == REDIS_LOADING && r->state == REDIS_UP) redis_drop(r, REDIS_LOST, "the server loads its data");
}

/* Into the reader: NULL, or why that is not possible. */
static const char *feed_bytes(struct redis *r, const char *bytes, size_t len)
{
    if (redisReaderFeed(r->reader, bytes, len) != REDIS_OK)
        return r->reader->err == REDIS_ERR_OOM ? "no memory for the server's answer"
                                               : "the server's answer is malformed";
    return r->reader->len > REDIS_REPLY_LIMIT ? "the server's answer is too large" : NULL;
}

/* Answers what is whole. why: the bytes could not be taken. */
static void take_replies(struct redis *r, const char *why)
{
    redisReader *reader = r->reader;
    if (why) redis_drop(r, REDIS_LOST, "%s", why);
    /* A callback may drop the connection: then the reader is another one. */
    while (r->reader == reader && reader) {
        void *reply = NULL;
        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            if (reader->err == REDIS_ERR_OOM)
                redis_drop(r, REDIS_LOST, "no memory for the server's answer");
            else
                redis_drop(r, REDIS_LOST, "the server does not speak Redis: %s", reader->errstr);
            break;
        }
        if (!reply) break;
        reply_tidy(reply);
        dispatch(r, reply);
        freeReplyObject(reply);
    }
}

static void begin_reading(struct redis *r)
{
    redis_enter(r);
    r->heard_ms = mono_ms();
    r->has_heard = true;
}

static void end_reading(struct redis *r)
{
    subs_sweep(r);
    redis_leave(r);
}

void redis_read(struct redis *r, const char *bytes, size_t len)
{
    begin_reading(r);
    take_replies(r, feed_bytes(r, bytes, len));
    end_reading(r);
}

void redis_read_tls(struct redis *r)
{
    struct evbuffer *input = bufferevent_get_input(r->bev);
    struct evbuffer_iovec part;
    const char *why = NULL;
    begin_reading(r);
    while (!why && evbuffer_peek(input, -1, NULL, &part, 1) > 0 && part.iov_len > 0) {
        why = feed_bytes(r, part.iov_base, part.iov_len);
        evbuffer_drain(input, part.iov_len);
    }
    take_replies(r, why);
    end_reading(r);
}

static void resp_number(struct buf *out, char kind, size_t value)
{
    char text[24], *at = text + sizeof text;
    *--at = '\n';
    *--at = '\r';
    do *--at = (char)('0' + value % 10);
    while (value /= 10);
    *--at = kind;
    buf_add(out, at, (size_t)(text + sizeof text - at));
}

void resp_array(struct buf *out, int words)
{
    resp_number(out, '*', (size_t)words);
}

void resp_word(struct buf *out, const char *bytes, size_t len)
{
    resp_number(out, '$', len);
    buf_add(out, bytes, len);
    buf_add(out, "\r\n", 2);
}
