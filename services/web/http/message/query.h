/* "a=1&b&c=%20": the parameters of a query, or of a form, decoded into a list. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_MESSAGE_QUERY_H
#define LOGIKALD_SERVICES_WEB_HTTP_MESSAGE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <event2/keyvalq_struct.h>

/* A parameter without "=" has an empty value. False, and the list is empty: a percent sign that encodes nothing, a NUL,
 * or bytes that are not UTF-8. The list is freed by evhttp_clear_headers. */
bool query_parse(const char *text, struct evkeyvalq *out);

#endif
