/* Celery messages (protocol 2 and 1, JSON) on the wire: from bytes to fields and back. Pure: no Redis, no clock but for
 * fresh ids. Every field may be missing, of another type, or hostile; see docs/queue.md for what is made of it. */
#ifndef LOGIKALD_IPC_QUEUE_QUEUE_MESSAGE_H
#define LOGIKALD_IPC_QUEUE_QUEUE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>

#include "conf/text/buf.h"
#include "conf/err.h"
#include "ipc/queue/unpack.h"

#define MESSAGE_LIMIT_BYTES (32u << 20)
#define MESSAGE_ID_LIMIT    255         /* longer ids are malformed */
#define UNPACK_MEMORY_LOOP  (16u << 20) /* of unpacking in a process that serves others */
#define UNPACK_MEMORY_TASK  (80u << 20) /* in a runner */

/* A message, as much of it as the worker's loop needs; the body stays text. Strings belong to the message. */
struct message {
    cJSON *envelope; /* as received (protocol 1: with the body's fields as headers); NULL when it was plain */
    char *text;      /* then the strings lie in this, */
    const char *raw; /* and this, the caller's, is what it was made of */
    size_t raw_len;
    char *body; /* text of [args, kwargs, embed], NUL-terminated; packed when packing says so */
    size_t body_len;
    enum packing packing;
    const char *id, *task;                   /* set whenever readable, also when decoding failed */
    const char *name;                        /* shadow or task: for people */
    const char *root_id, *parent_id, *group; /* or NULL */
    const char *args_repr, *kwargs_repr;     /* "" when absent */
    const char *eta, *expires;               /* as text, or NULL */
    int64_t eta_us, expires_us;              /* unix time, 0 = none */
    int64_t soft_limit_ms, hard_limit_ms;    /* 0 = none given */
    int retries, priority;
    bool ignores_result, is_stamped;
    bool has_exchange;        /* sent to a named exchange */
    const char *delivery_tag; /* or NULL */
};

/* raw must live as long as out. 0; -ERR_INPUT or -ERR_LIMIT with err saying what is wrong with it; -ERR_NOMEM when
 * nothing is wrong but our memory. out is to be freed in all cases. */
int message_decode(const char *raw, size_t len, struct message *out, struct err *err);
void message_free(struct message *m);
/* A copy of its envelope, or NULL without memory; the caller deletes it. */
cJSON *message_envelope(const struct message *m);
/* What a canvas needs of its headers, as a JSON object: "group_index", "stamped_headers", "stamps", those that are
 * there. Nothing is added when none is. */
void message_canvas(const struct message *m, struct buf *out);

/* The body's parts; all point into root, which is the owner. callbacks, errbacks, chain: arrays, or NULL for none. */
struct message_body {
    cJSON *root;
    const cJSON *args, *kwargs;
    const cJSON *callbacks, *errbacks, *chain, *chord;
};
int message_body_parse(const char *text, size_t len, struct message_body *out, struct err *err);
/* The same of a message, whose body is unpacked for it where it is packed: with so much memory at most
 * (UNPACK_MEMORY_). */
int message_body_of(const struct message *m, size_t memory, struct message_body *out, struct err *err);
void message_body_free(struct message_body *body);

/* What message_encode writes. Zero = absent. Either body (finished text) or args and kwargs. */
struct message_spec {
    const char *task, *id, *queue;
    const char *body;
    const cJSON *args, *kwargs;                        /* NULL = empty */
    const cJSON *callbacks, *errbacks, *chain, *chord; /* NULL = null */
    const char *args_repr, *kwargs_repr;               /* NULL = made from args, kwargs */
    const char *root_id, *parent_id, *group, *shadow;
    int64_t eta_us, expires_us, expiration_ms;
    int64_t soft_limit_ms, hard_limit_ms;
    int retries, priority;
    bool ignores_result;
    bool is_plain;            /* the body stays the text it is: no base64 */
    const cJSON *group_index; /* NULL = null */
    const cJSON *headers;     /* an object: more of them */
    const cJSON *stamped_headers, *stamps;
};
/* Of a task that is sent with such options, o NULL: without any. id takes the one that they name, or a fresh one. What
 * they leave open (queue, root, parent) is NULL. */
struct task_options;
struct message_spec message_spec_of(const char *task, const cJSON *args, const cJSON *kwargs,
                                    const struct task_options *o, char id[MESSAGE_ID_LIMIT + 1]);
/* Adds the envelope as JSON; out->failed tells of a lack of memory. */
void message_encode(struct buf *out, const struct message_spec *spec);

/* Wraps a body (control, events, replies) as kombu does. headers: JSON text of an object. */
void message_wrap(struct buf *out, const char *body, size_t len, const char *headers, const char *exchange,
                  const char *routing_key);

/* A kombu envelope that is no task (control requests): its body, parsed; and "headers" within *envelope. NULL with err;
 * the caller deletes both. */
cJSON *message_unwrap(const char *raw, size_t len, cJSON **envelope, struct err *err);

/* JSON from outside: depth-limited, whole text; bytes that are not UTF-8 become question marks. A number whose value
 * would print differently has its text in valuestring too; NaN, Infinity and texts that no C string holds are
 * cJSON_Raw. NULL when malformed, or, with errno ENOMEM, without memory. */
cJSON *json_parse(const char *text, size_t len);
/* The same tree of a text that is plain (ASCII without escapes, integers of at most 15 digits, not deep), made of count
 * nodes of the caller's and of the text itself, which is written to and has a NUL behind it. It is to be looked at or
 * duplicated. NULL when the text is not plain, or has more nodes. */
cJSON *json_read_plain(char *text, size_t len, cJSON *nodes, size_t count);
/* Before such a tree (and what comes behind it in its list) is printed: numbers that have their text print it. They are
 * no cJSON_Number any more after that. */
void json_exact(cJSON *item);
/* The same for whoever reads JSON as the standard has it: NaN and Infinity, which Python writes, become null. */
void json_shown(cJSON *item);
/* A number whose value is what was sent: false for what is none, and for integers beyond 2^53. */
bool json_number_fits(const cJSON *item);

/* Base64 into a fresh NUL-terminated block (*len gets the length), or NULL when it is malformed, or, with errno
 * ENOMEM, without memory. */
char *base64_decode(const char *text, size_t text_len, size_t *len);
bool base64_add(struct buf *out, const char *bytes, size_t len);

/* Adds Python's repr() of a value; a list as a tuple when asked for. Cut with "..." after limit bytes. */
void python_repr(struct buf *out, const cJSON *value, bool as_tuple, size_t limit);

#endif
