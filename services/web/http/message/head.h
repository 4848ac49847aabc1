/* The head of a request: request line and header fields, as bytes. It says where the request ends and whom it is meant
 * for, and is refused when two readers could answer that in two ways (RFC 9112: 2.2, 3, 3.2, 5, 6.1 to 6.3). Pure:
 * bytes in, a decision out. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_MESSAGE_HEAD_H
#define LOGIKALD_SERVICES_WEB_HTTP_MESSAGE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct refusal {
    int status; /* 0: none */
    const char *text;
};

struct slice {
    size_t at, len;
};

struct head {
    struct slice method, target, path; /* path: of the target, without scheme, authority and query; may be empty */
    struct slice coding;               /* the line of Transfer-Encoding with its end; len 0: none */
    bool is_1_0, is_head, is_chunked, expects_continue;
    int64_t length; /* of the body, when it is not chunked */
};

/* bytes: a head with its empty line. False: refused, with why. What was read until then is in out. */
bool head_read(const char *bytes, size_t len, struct head *out, struct refusal *why);

/* The bytes of one header field line, without its end: a name, a colon, a value of visible characters. */
bool head_is_field(const char *line, size_t len);
bool head_is_token(const char *text, size_t len); /* RFC 9110, 5.6.2; not empty */

#endif
