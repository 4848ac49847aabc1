/* Images that came from the upstream, on their way out. */
#ifndef LOGIKALD_SERVICES_WEB_API_PARTS_IMAGES_H
#define LOGIKALD_SERVICES_WEB_API_PARTS_IMAGES_H

#include "services/web/http/req.h"

/* What the bytes themselves say. What the upstream declared counts for nothing: whatever is none of the types that are
 * known is a download, which no browser takes for a page: NULL. */
const char *image_type(const char *bytes, size_t len);
/* How a file with such an image is called at its end, after a point; "bin" for NULL. */
const char *image_ending(const char *type);

/* Answers the bytes, or 304. etag: "" = none is known. */
void image_reply(struct req *r, const char *etag, const char *bytes, size_t len);

#endif
