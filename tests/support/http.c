/* HTTP requests by libcurl: one connection each, no redirects followed, no proxy, in a time that is bounded. */
#include "tests/support/support_internal.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct text {
    char *bytes;
    size_t size, room;
};

static size_t text_append(char *bytes, size_t size, size_t count, void *arg)
{
    struct text *t = arg;
    size_t n = size * count;
    if (t->size + n >= t->room) { /* ever larger: a long answer comes in many pieces */
        size_t room = 2 * t->room + n + 512;
        char *larger = realloc(t->bytes, room);
        if (!larger) return 0;
        t->bytes = larger;
        t->room = room;
    }
    memcpy(t->bytes + t->size, bytes, n);
    t->size += n;
    t->bytes[t->size] = 0;
    return n;
}

struct http_reply http_request(const char *method, const char *url, const char *const headers[], const char *body)
{
    return http_request_within(60000, method, url, headers, body);
}

struct http_reply http_request_within(int64_t ms, const char *method, const char *url, const char *const headers[],
                                      const char *body)
{
    static bool is_set_up;
    if (!is_set_up) is_set_up = curl_global_init(CURL_GLOBAL_DEFAULT) == 0;
    struct http_reply reply = {0};
    struct text got = {0}, lines = {0};
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (; headers && *headers; headers++) list = curl_slist_append(list, *headers);
    CURL *c = curl_easy_init();
    assert_non_null(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_NOBODY, strcasecmp(method, "HEAD") == 0 ? 1L : 0L);
    if (body) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    }
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, text_append);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &got);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, text_append);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, &lines);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)ms);
    text_append("", 0, 0, &got);
    text_append("", 0, 0, &lines);
    long status = 0;
    if (curl_easy_perform(c) == CURLE_OK) curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    curl_slist_free_all(list);
    reply.status = (int)status;
    if (status != 0) {
        reply.body = got.bytes;
        reply.size = got.size;
        reply.headers = lines.bytes;
    } else {
        free(got.bytes);
        free(lines.bytes);
    }
    return reply;
}

struct http_reply http_get(const char *url)
{
    return http_request("GET", url, NULL, NULL);
}

void http_reply_free(struct http_reply *r)
{
    free(r->body);
    free(r->headers);
    memset(r, 0, sizeof *r);
}
