/* Answers. Each request is answered by exactly one of these; all of them add the common headers (request id, security,
 * CORS), compress what is large, and answer HEAD without a body. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_REPLY_H
#define LOGIKALD_SERVICES_WEB_HTTP_REPLY_H

#include <stddef.h>
#include <cjson/cJSON.h>

#include "conf/err.h"
#include "services/web/http/req.h"

#define TYPE_JSON "application/json"
#define TYPE_HTML "text/html; charset=utf-8"
#define TYPE_TEXT "text/plain; charset=utf-8"

void reply_header(struct req *r, const char *name, const char *value);         /* before the answer */
void reply_header_default(struct req *r, const char *name, const char *value); /* unless it is set already */

void reply_bytes(struct req *r, int status, const char *type, const void *bytes, size_t len); /* copied */
void reply_json(struct req *r, int status, const char *json);
void reply_cjson_take(struct req *r, int status, cJSON *json); /* deletes json; NULL is answered 500 */
void reply_empty(struct req *r, int status);
void reply_redirect(struct req *r, const char *where);

/* Bytes that outlive the answer (embedded files, cached bodies): sent without a copy. free_fn may be NULL. */
void reply_shared(struct req *r, int status, const char *type, const void *bytes, size_t len,
                  void (*free_fn)(const void *bytes, size_t len, void *arg), void *arg);

/* {"detail": "..."} */
void reply_detail(struct req *r, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* {"detail": {"code": "...", "message": "..."}} */
void reply_fault(struct req *r, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* 503 with Retry-After; text names what is missing. */
void reply_unavailable(struct req *r, int retry_after_s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* By its code, with a sentence for the outside (fault.h); the second one for errors of statements. */
void reply_err(struct req *r, const struct err *err);
void reply_statement_err(struct req *r, const struct err *err);
/* 422 with one entry of the list: where "query", "path" or "body". */
void reply_invalid(struct req *r, const char *where, const char *name, const char *type, const char *msg);

/* An ETag is set, and 304 answered when the client has it: true = answered. etag without quotes. A weak one is for
 * answers whose bytes differ with the encoding. */
bool reply_unchanged(struct req *r, const char *etag);
bool reply_unchanged_weak(struct req *r, const char *etag);
bool reply_accepts_gzip(const struct req *r);

/* Piece by piece: begin, any number of chunks, end. chunk calls `more` (once) when the bytes have left and the next may
 * come; false: nobody takes them (the client is gone, or only asked for headers), call end at once. Any other answer in
 * the middle (an error) cuts the connection. begin_gzip compresses for those who accept it. */
void reply_stream_begin(struct req *r, int status, const char *type);
void reply_stream_begin_gzip(struct req *r, int status, const char *type);
bool reply_stream_chunk(struct req *r, const void *bytes, size_t len, void (*more)(struct req *r));
void reply_stream_end(struct req *r);

#endif
