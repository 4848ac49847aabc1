/* Signatures after the Standard Webhooks specification: for each secret "v1," and the base64 of the HMAC-SHA256 of
 * "id.timestamp.body", split by spaces. A secret is "whsec_" and the base64 of its bytes. */
#ifndef LOGIKALD_SERVICES_FEED_SIGN_H
#define LOGIKALD_SERVICES_FEED_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "conf/text/buf.h"
#include "conf/err.h"

/* Adds the signature under one secret to out, behind a space if something stands there. 0 or -ERR_INPUT. */
int sign_add(struct buf *out, const char *secret, const char *id, int64_t timestamp_s, const char *body,
             struct err *err);

#endif
