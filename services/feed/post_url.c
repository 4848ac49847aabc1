/* What is refused of a URL when it is registered, so that whoever does it learns of it at once. That a name leads to an
 * allowed address is judged when it is called. */
#include <netdb.h>
#include <string.h>
#include <strings.h>
#include <curl/curl.h>

#include "services/feed/guard.h"
#include "services/feed/post.h"

/* Also the forms of old: 127.1, 0x7f000001, 2130706433. */
static bool is_address(const char *host, struct address *out)
{
    char bare[256];
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found = NULL;
    size_t len = strlen(host);
    if (len >= sizeof bare) return false;
    memcpy(bare, host, len + 1);
    if (len > 2 && *host == '[') memcpy(bare, host + 1, len - 2), bare[len - 2] = 0;
    if (getaddrinfo(bare, NULL, &hints, &found) != 0) return false;
    bool is_one = address_of_socket(found->ai_addr, out);
    freeaddrinfo(found);
    return is_one;
}

static int check_host(const char *host, bool is_https, const char *allowed, struct err *err)
{
    struct address a;
    size_t len = strlen(host);
    while (len > 0 && host[len - 1] == '.') len--;
    bool is_local = (len == 9 && strncasecmp(host, "localhost", 9) == 0) ||
                    (len > 10 && strncasecmp(host + len - 10, ".localhost", 10) == 0);
    if (is_local && !address_parse("127.0.0.1", 9, &a)) return err_set(err, ERR_INPUT, "no host");
    if (!is_local && !is_address(host, &a)) return 0;
    const char *why = guard_refuses(&a, is_https, allowed);
    return why ? err_set(err, ERR_INPUT, "%.100s is not called: %s", host, why) : 0;
}

int post_check_url(const char *url, const char *allowed, struct err *err)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL, *fragment = NULL;
    int rc = 0;
    for (const unsigned char *c = (const unsigned char *)url; *c && rc == 0; c++)
        if (*c <= ' ' || *c >= 0x7f) rc = err_set(err, ERR_INPUT, "A URL has neither spaces nor letters beyond ASCII");
    const char *slashes = strchr(url, ':'); /* libcurl takes one to three of them, and readers of what is shown two */
    if (rc == 0 && (!slashes || strncmp(slashes, "://", 3) != 0 || slashes[3] == '/'))
        rc = err_set(err, ERR_INPUT, "This is no URL: https://HOST/PATH was expected");
    if (rc == 0 && (!parts || curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
                    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
                    curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK || !*host))
        rc = err_set(err, ERR_INPUT, "This is no URL");
    if (rc == 0 && strcasecmp(scheme, "https") != 0 && strcasecmp(scheme, "http") != 0)
        rc = err_set(err, ERR_INPUT, "A webhook's URL begins with https:// (or http://)");
    if (rc == 0 && (curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK ||
                    curl_url_get(parts, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_OK))
        rc =
            err_set(err, ERR_INPUT, "A webhook's URL has neither a user nor a fragment: the signature tells who sends");
    if (rc == 0) rc = check_host(host, strcasecmp(scheme, "https") == 0, allowed, err);
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(fragment);
    curl_url_cleanup(parts);
    return rc;
}
