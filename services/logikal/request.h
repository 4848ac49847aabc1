/* The requests of the API and how their answers are read: the only place that knows its paths and JSON members. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_REQUEST_H
#define LOGIKALD_SERVICES_LOGIKAL_REQUEST_H

#include <stddef.h>

#include "conf/err.h"
#include "services/logikal/policy.h"

struct logikal_session;
struct http_answer;
struct buf;

/* Starts what the session is calling (login, logout, its step, or its job's question). */
int request_start(struct logikal_session *s, struct err *err);
const char *request_name(const struct logikal_session *s); /* "POST /projects/select", for messages; never NULL */
/* The token of a login's answer: NULL, or why there is none that can be used. */
const char *request_read_token(const struct buf *body, char *token, size_t size);
/* Reads a 2xx; a picture's bytes are then in answer->body, a login's token in the session; a list's elements and the
 * bytes of a parts list have gone to the job. *why tells what is wrong with
 * one that is READ_BADLY. */
enum reading request_read_answer(struct logikal_session *s, const struct http_answer *answer, const char **why);

#endif
