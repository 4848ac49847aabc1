/* Secrets inside texts that are shown or kept: passwords of URLs, and values that stand behind the name of a secret. */
#ifndef LOGIKALD_CONF_TEXT_HIDE_H
#define LOGIKALD_CONF_TEXT_HIDE_H

#include <stdbool.h>

#include "conf/text/buf.h"

bool hide_is_secret_name(const char *name); /* sounds like one: password, token, api_key, cookie, ... */

/* Adds the text to out with stars for the password of each URL in it, for each value behind the name of a secret
 * (?token=x, password='x', "token": "x"), and for what follows the words Bearer and Basic. False, and nothing added,
 * when there is none. is_url: the text is nothing but a URL, or a list of some, so that blanks and quotes are part of
 * them. */
bool hide_secrets(struct buf *out, const char *text, bool is_url);

/* The next of these secrets in text, at or behind `at`: where it begins and, in *end, what follows it; NULL = no more.
 */
const char *hide_find(const char *text, const char *at, bool is_url, const char **end);

#endif
