/* Where one request ends and the next begins: the one decision about it, made on the bytes as they come and before
 * evhttp sees any of them. A request is held back until it is whole; then it is handed on in a form that can be read in
 * one way only: a path and no authority in its target, a Content-Length and no chunks. What is not sound, or too large,
 * is refused, and nothing after it is read. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_MESSAGE_FRAMING_H
#define LOGIKALD_SERVICES_WEB_HTTP_MESSAGE_FRAMING_H

#include <event2/buffer.h>

#include "conf/text/buf.h"
#include "services/web/http/message/chunks.h"
#include "services/web/http/message/head.h"

struct framing_text {
    const char *text;
    size_t len;
};

struct framing_rules {
    size_t head_max;
    /* The largest body for this method and path. With why: how a larger one is refused, if not by 413. */
    int64_t (*body_max)(void *arg, struct framing_text method, struct framing_text path, struct refusal *why);
    void *arg;
};

enum framing_state { FRAMING_HEAD, FRAMING_LENGTH, FRAMING_CHUNKS, FRAMING_WHOLE, FRAMING_REFUSED };

struct framing {
    const struct framing_rules *rules;
    enum framing_state state;
    struct buf held;       /* the head, then the decoded body */
    size_t line, head_len; /* where the line begins that is being looked for; of the head when it is whole */
    int64_t body_max;
    struct refusal beyond; /* what a larger one is told */
    struct head head;
    struct chunks chunks;
    struct refusal refusal;
};

void framing_init(struct framing *f, const struct framing_rules *rules);
void framing_free(struct framing *f);

/* The length of a whole request at the beginning of bytes that needs no change at all; 0: it is not like that, and
 * framing_read has to take it. Only between requests. */
size_t framing_plain(const struct framing *f, const char *bytes, size_t n);

/* Reads up to the end of a request, of at most n bytes; returns how many it read. Then state says whether the request
 * is whole, refused, or goes on. */
size_t framing_read(struct framing *f, const char *bytes, size_t n);
/* A whole request goes to out (false: no memory), and the next one may begin. */
bool framing_hand_on(struct framing *f, struct evbuffer *out);
/* A request without a body goes to out that stands for the one refused: its method and target as far as they could be
 * read. What was held is released. */
void framing_hand_on_refused(struct framing *f, struct evbuffer *out);
void framing_refuse(struct framing *f, int status, const char *text); /* from outside: for want of room */

/* The head has been read, the body has not begun, and the client waits to be told that it may send it. */
bool framing_waits_for_continue(const struct framing *f);

#endif
