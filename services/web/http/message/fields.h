/* The header fields of an answer, gathered as the text in which they will be sent. evhttp keeps each field as three
 * pieces of memory and prints it by itself, which is a third of the work of a small answer; so it gets them as one. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_MESSAGE_FIELDS_H
#define LOGIKALD_SERVICES_WEB_HTTP_MESSAGE_FIELDS_H

#include <stdbool.h>
#include <event2/keyvalq_struct.h>

#include "conf/text/buf.h"

/* A value with a line end is left out, whoever sent it: it would be read as a field of its own. */
void fields_add(struct buf *fields, const char *name, const char *value);
bool fields_have(const struct buf *fields, const char *name);
void fields_remove(struct buf *fields, const char *name);

/* Gives all of them to evhttp as one behind Date, which it looks for. False without memory. */
bool fields_hand_on(const struct buf *fields, const char *date, struct evkeyvalq *out);

#endif
