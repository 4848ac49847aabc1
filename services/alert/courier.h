/* Sends what an operator is told outside of the pages: POSTs, GETs and mail, by libcurl on the caller's event loop.
 * Nothing blocks. Each message has a deadline; redirects are not followed, since they would carry the secret of a URL
 * elsewhere. */
#ifndef LOGIKALD_SERVICES_ALERT_COURIER_H
#define LOGIKALD_SERVICES_ALERT_COURIER_H

#include <stdint.h>
#include <event2/event.h>

#include "conf/err.h"

struct courier;
struct courier *courier_new(struct event_base *base); /* NULL without memory */
void courier_free(struct courier *c);                 /* what is under way is cut without a word; NULL is fine */

/* why: NULL = it was taken; else why not, without the URL. Called once for each message, from the loop. */
typedef void (*courier_fn)(void *arg, const char *why);

/* 0, and fn is called; or negative, and it is not. Texts are copied. json NULL: a GET. */
int courier_call(struct courier *c, const char *url, const char *json, courier_fn fn, void *arg, struct err *err);
/* Looks at the certificate of an https:// or smtps:// server, good or not: ends_s is when it ends (unix time), 0 when
 * it could not be told. Called once, from the loop. */
typedef void (*courier_ends_fn)(void *arg, int64_t ends_s);
int courier_look(struct courier *c, const char *url, courier_ends_fn fn, void *arg, struct err *err);
/* smtp_url: smtp://user:password@host:587 (STARTTLS where it is offered, and demanded when there is a password) or
 * smtps://. to: addresses with commas between. */
int courier_mail(struct courier *c, const char *smtp_url, const char *from, const char *to, const char *subject,
                 const char *text, courier_fn fn, void *arg, struct err *err);

#endif
