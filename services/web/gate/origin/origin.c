/* See origin.h. The scheme is not compared: behind a proxy that ends TLS it is not ours to know. */
#include "services/web/gate/origin/origin.h"

#include <string.h>
#include <strings.h>

/* Without the port that goes without saying. */
static size_t name_length(const char *host)
{
    size_t len = strlen(host);
    if (len > 3 && strcmp(host + len - 3, ":80") == 0) return len - 3;
    if (len > 4 && strcmp(host + len - 4, ":443") == 0) return len - 4;
    return len;
}

/* "https://a.example" and "a.example:443" */
static bool origin_fits(const char *origin, const char *host)
{
    const char *name = strstr(origin, "://");
    if (!name || !host || !*host) return false;
    size_t len = name_length(name + 3);
    return len > 0 && len == name_length(host) && strncasecmp(name + 3, host, len) == 0;
}

bool origin_is_own(const struct req *r)
{
    const char *origin = req_header(r, "Origin"), *site = req_header(r, "Sec-Fetch-Site");
    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0) return false;
    return !origin || origin_fits(origin, r->host);
}
