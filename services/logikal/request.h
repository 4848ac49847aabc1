/* The requests of the API and how their answers are read: the only place that knows its paths and JSON members. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_REQUEST_H
#define LOGIKALD_SERVICES_LOGIKAL_REQUEST_H

#include "conf/err.h"

struct session;
struct http_answer;
struct buf;

/* Starts what the session is calling (login, logout, its step, or its job's question). */
int request_start(struct session *s, struct err *err);
const char *request_name(const struct session *s); /* "POST /projects/select", for messages; never NULL */
int request_read_token(const struct buf *body, char *token);
/* Reads the answer to a job's question, and leaves a file's bytes in answer->body: NULL, or why it cannot be read. */
const char *request_read_answer(struct session *s, const struct http_answer *answer);

#endif
