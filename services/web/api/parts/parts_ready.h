/* Is the parts list of an elevation there, and read? Asked before anything is made of it. */
#ifndef LOGIKALD_SERVICES_WEB_API_PARTS_PARTS_READY_H
#define LOGIKALD_SERVICES_WEB_API_PARTS_PARTS_READY_H

#include "services/web/http/req.h"

struct parts_ready {
    const char *sha256, *name; /* of the file; of the elevation */
    int64_t size;
    const char *elevation; /* its id */
    const char *version;   /* its list's, ELEVATION/NUMBER */
    const char *mark;      /* parts_mark.h */
};

/* The elevation is the first parameter of the path. Calls go with what is known of it, which lives as long as r, or
 * answers: 404 when there is no such elevation, or it has no parts list; 503 with Retry-After while that is to come
 * (fetched, taken over, read); 409 when it could not be read. With is_file_enough one that is not read, or cannot be,
 * will do. */
void parts_ready(struct req *r, bool is_file_enough, void (*go)(struct req *r, const struct parts_ready *ready));

#endif
