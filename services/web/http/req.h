/* A request in our hands, from its last byte read to its last byte written. Handlers get it, look at it, and answer it
 * exactly once by a function of reply.h, now or later from the loop. Memory from req_alloc lives as long as it. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_REQ_H
#define LOGIKALD_SERVICES_WEB_HTTP_REQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <libpq-fe.h>

#include "conf/text/buf.h"
#include "services/store/db/pool.h"
#include "services/web/web.h"

#define REQ_PARAMS_MAX 4
#define REQ_ID_SIZE    65
#define WHO_NAME_SIZE  1032 /* 255 characters of UTF-8, and a word before them */

enum who_kind { WHO_NOBODY, WHO_CLIENT, WHO_ADMIN };
enum permission {
    PERM_PROJECTS = 1,
    PERM_ELEVATIONS = 2,
    PERM_SYNC = 4,
    PERM_ADMIN_READ = 8,
    PERM_METRICS = 16,
    PERM_HOOKS = 32
};

struct who {
    enum who_kind kind;
    char name[WHO_NAME_SIZE]; /* client_id or the administrator's name */
    unsigned permissions;     /* of a client */
    int rate_limit_per_hour;  /* of a client; 0 = the general one */
    bool is_by_cookie;        /* then changes need a CSRF token */
    bool is_viewer;           /* an admin session that may change nothing */
    int64_t expires_ms;       /* of the session, unix time */
    char proof[65];           /* of its row (session.h) */
    char csrf[65];            /* the token, for pages and for the comparison */
    char session[65];         /* hash of the admin session's token; the key of its row */
    char expires_at[40];      /* of the session or token, as ISO 8601 */
};

/* What req_arg says of a parameter that is left out; static, or as long as the request. */
struct req_default {
    const struct req_default *next;
    const char *name, *value;
};

struct conn;
struct gzip_stream;
struct stream_place;
struct attempt;
struct sse;
struct req_end;
struct req_memory;
struct wait;
struct auth_lookup;
struct route;
struct table_versions;

struct req {
    struct web *web;
    struct evhttp_request *ev;
    const struct route *route;    /* NULL: no such path */
    const char *query_schema;     /* of the route; NULL without one */
    char *path;                   /* still percent-encoded, without the query */
    char *params[REQ_PARAMS_MAX]; /* what {name}s of the pattern matched, decoded */
    const char *raw_query;        /* what comes after "?", as it came */
    struct evkeyvalq query;       /* decoded */
    const struct req_default *defaults;
    cJSON *body; /* validated against the route's schema; NULL when it has none */
    struct who who;
    struct who *was;           /* before it was asked again who asks; NULL: it never was */
    int64_t limit, limit_left; /* of its rate, once it is counted; 0 = none */
    bool is_counted;           /* for its address, before it was known who asks */
    bool counts_later;         /* in its rate: once its answer is known */
    bool is_limit_told;        /* the answer says what is left */
    char id[REQ_ID_SIZE];
    char address[48];                                          /* the client's, as far as trusted proxies tell */
    const char *host;                                          /* that it asked for: Host, or what such a proxy says */
    bool is_https, is_head, is_replied, is_streaming, is_gone; /* gone: the client is */
    bool is_http_1_0;
    bool is_refused; /* whatever it is: its bytes were not sound, or too many */
    bool is_broken;  /* a stream that cannot go on */
    int64_t started_us;
    int status;
    size_t bytes;
    struct buf fields;                     /* the header of its answer (fields.h) */
    bool is_exact;                         /* of the statement that ran last: its JSON goes out as it is */
    const struct table_versions *versions; /* asked since it came; NULL: not, or a statement has run since then */
    struct auth_lookup *auth;              /* while it is found out who asks */
    struct wait *cache;                    /* its place at the cache */
    struct stream_place *place;            /* among the large answers */
    struct attempt *attempt;               /* to log in */
    struct sse *sse;                       /* its stream of events */
    void (*told)(struct req *r, const char *bytes, size_t len); /* looks at a kept answer before it is sent; or NULL */
    /* Of the room that answers: the handler, or the room to which its last act hands the request (cache, list). Whoever
     * gives the request back keeps what is its own elsewhere: beside a statement, a wait, or in a member above. */
    void *state;
    void (*more)(struct req *r); /* of a streamed answer: the last piece has left */
    int64_t piece_ms;            /* when its last piece was handed over */
    size_t piece_bytes;
    struct gzip_stream *packer; /* when it is compressed */
    void (*gone)(void *arg);    /* see req_on_gone */
    void *gone_arg;
    struct req_end *ends;
    struct req_memory *memory;
    struct conn *conn;        /* of the server */
    int64_t worked_ms;        /* from its arrival to its answer */
    struct req *next, **link; /* all requests of the server */
};

/* From the server. Answers what it refuses itself. */
void req_begin(struct web *web, struct evhttp_request *ev);
void req_free(struct req *r);

/* fn(arg) is called once, right before the request is freed, the last one given first: whoever keeps the request in a
 * list takes it out, whoever keeps memory for it frees it. */
void req_on_end(struct req *r, void (*fn)(void *arg), void *arg);

/* For the one room that keeps the request waiting: fn(arg) is called when the client goes away before the answer; it
 * must still be answered. fn NULL: that wait is over. */
void req_on_gone(struct req *r, void (*fn)(void *arg), void *arg);

void *req_alloc(struct req *r, size_t size); /* zeroed; never NULL (ends the process without memory) */
char *req_strdup(struct req *r, const char *text);
char *req_printf(struct req *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *req_header(const struct req *r, const char *name); /* NULL when absent */
char *req_with_query(struct req *r, const char *path);         /* path and the query as it came */
bool req_cookie(const struct req *r, const char *name, char *out, size_t size);
const char *req_param(const struct req *r, int index);      /* path parameter */
const char *req_arg(const struct req *r, const char *name); /* query parameter, or its default; NULL when absent */
int64_t req_arg_int(const struct req *r, const char *name); /* checked by the route already */
bool req_arg_bool(const struct req *r, const char *name);
bool req_body_is_form(const struct req *r);
bool req_body_is_json(const struct req *r); /* says so, or says nothing */

/* Members of the body; NULL when absent or null. Numbers come as text, lists and objects as JSON, ready for SQL. */
const char *req_body_str(struct req *r, const char *name);
const char *req_body_text(struct req *r, const char *name);

/* Runs a statement and calls then with its result. Errors are answered here (503, 409, 422 ...). Without `then` the
 * first column of the first row is the JSON answer, and no row (or NULL) is a 404 that says not_found. */
void req_query(struct req *r, const struct query *q, int n, const char *const *values,
               void (*then)(struct req *r, const PGresult *result));
/* The same for a room that gives the request back: then gets arg, and r->state stays its owner's. */
void req_query_with(struct req *r, const struct query *q, int n, const char *const *values,
                    void (*then)(struct req *r, const PGresult *result, void *arg), void *arg);
void req_json(struct req *r, const struct query *q, int n, const char *const *values, const char *not_found);

/* Has the client closed its side of the connection (it may still read), or is it gone? For who keeps a place for it. */
bool req_client_left(const struct req *r);

/* In whose name it counts and is logged, wherever shares are counted: also while it is found out again who asks, and
 * after it turned out that they may not any more. */
const struct who *req_owner(const struct req *r);
bool req_is_same_owner(const struct req *a, const struct req *b);

/* Percent-decodes len bytes into memory of r; false when the result is not UTF-8 or holds a NUL. */
bool req_decode(struct req *r, const char *encoded, size_t len, char **out);

#endif
