/* HTTP for the upstream's client: libcurl's multi interface behind four functions. A call is owned by its user and may
 * be used again and again; the connections are kept and shared. Bodies are read with a limit, into memory or into a
 * sink as they arrive. Nothing here knows what Logikal is, and nothing retries. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_HTTP_H
#define LOGIKALD_SERVICES_LOGIKAL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/text/buf.h"
#include "conf/err.h"

struct http;
struct http_call;

enum http_fault {
    HTTP_FAULT_NONE,
    HTTP_FAULT_CONNECT,    /* never got through: the server has not seen the request */
    HTTP_FAULT_TIMEOUT,    /* no complete answer in time */
    HTTP_FAULT_CUT,        /* the connection broke in the middle */
    HTTP_FAULT_TOO_LARGE,  /* the answer is larger than limit_bytes */
    HTTP_FAULT_SINK,       /* the sink refused */
    HTTP_FAULT_TLS,        /* the handshake failed */
    HTTP_FAULT_CERTIFICATE /* theirs is not trusted, or ours is not taken: it will be the same next time */
};

struct http_request {
    const char *method; /* static text */
    const char *url;    /* copied */
    const char *token;  /* bearer token or NULL; copied */
    const char *json;   /* body or NULL; copied */
    bool is_fresh;      /* on a connection of its own, so that it is never sent twice unseen */
    int64_t timeout_ms; /* for the whole call */
    size_t limit_bytes; /* of the answer's body */
    bool (*sink)(void *arg, const char *bytes,
                 size_t len);   /* gets the body of a 2xx but 206; NULL = collected. false = stop */
    bool (*is_full)(void *arg); /* the sink takes nothing now: it is asked again at each look at the network */
};

struct http_answer {
    int status; /* 0 = there is none: see fault */
    enum http_fault fault;
    const char *why;        /* text of the fault, never NULL */
    struct buf *body;       /* what was collected (of a 2xx without a sink, or the first 64 KiB of anything else) */
    const char *type;       /* Content-Type, "" when absent */
    const char *location;   /* of a redirect; may be NULL */
    int64_t retry_after_ms; /* Retry-After, -1 when absent */
    int64_t server_time_s;  /* Date, unix seconds; 0 when absent */
    int64_t took_ms;
};

/* Called once for each started call, from http_poll. The answer is gone when it returns (buf_steal what is to stay). It
 * may start the same call anew. */
typedef void (*http_done_fn)(void *arg, const struct http_answer *answer);

/* Whom to trust and who we are, for https: PEM files, NULL or "" = none. Read at once: a file that cannot be is an
 * error
 * (-ERR_CONFIG), which names its setting. */
struct http_tls {
    const char *ca_file, *cert_file, *key_file;
};
struct http *http_new(const struct http_tls *tls, struct err *err);
void http_free(struct http *h); /* after its calls; NULL is fine */

struct http_call *http_call_new(struct http *h, http_done_fn done, void *arg); /* NULL without memory */
void http_call_free(struct http_call *c);                                      /* stops it; NULL is fine */

/* Starts the call (which must not be running): 0, or -ERR_NOMEM. arg of the sink is the call's. */
int http_call_start(struct http_call *c, const struct http_request *request, struct err *err);
void http_call_stop(struct http_call *c); /* without an answer; does nothing when it is not running */

void http_wake(struct http *h); /* ends a wait of http_poll; the only one that other threads may call */
/* Waits up to timeout_ms for something to happen and tells the calls that ended. */
void http_poll(struct http *h, int timeout_ms);

#endif
