/* Watches the administrator's stream of events: opens it, reads for some seconds, closes it in the middle. Each line of
 * it must be one of a stream of events (WHATWG HTML, 9.2). */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "tests/load/client.h"

struct stream {
    struct load_client *client;
    CURL *curl;
    struct buf body; /* what has not ended with a newline; for another status than 200 all of it */
    int64_t end_ms;
    bool was_closed; /* by us */
};

static void check_line(struct load_client *c, const char *line)
{
    static const char *const fields[] = {":", "retry: ", "event: ", "data: ", "id: "};
    if (!*line) return;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strncmp(line, fields[i], strlen(fields[i])) == 0) return;
    client_complain(c, "/ui/events: a line of no stream of events: %.200s", line);
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    struct stream *s = arg;
    long status = 0;
    buf_add(&s->body, bytes, size * count);
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) return size * count;
    char *line = s->body.data;
    for (char *end; (end = memchr(line, '\n', s->body.len - (size_t)(line - s->body.data))); line = end + 1) {
        *end = 0;
        check_line(s->client, line);
    }
    size_t rest = s->body.len - (size_t)(line - s->body.data);
    struct buf left = {0};
    buf_add(&left, line, rest);
    buf_free(&s->body);
    s->body = left;
    return size * count;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
    struct stream *s = arg;
    (void)a, (void)b, (void)d, (void)e;
    if (mono_ms() < s->end_ms && !client_is_over(s->client)) return 0;
    s->was_closed = true;
    return 1;
}

static CURLcode stream_read(struct stream *s, int port, long *status, int64_t *took_us)
{
    char url[100], bearer[200];
    curl_off_t first = 0;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/ui/events", port);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", client_token(s->client, ADMIN));
    struct curl_slist *headers = curl_slist_append(NULL, bearer);
    curl_easy_setopt(s->curl, CURLOPT_URL, url);
    curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(s->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(s->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(s->curl, CURLOPT_XFERINFODATA, s);
    curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->curl, CURLOPT_PROXY, "");
    CURLcode code = curl_easy_perform(s->curl);
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, status);
    curl_easy_getinfo(s->curl, CURLINFO_STARTTRANSFER_TIME_T, &first);
    *took_us = first;
    curl_slist_free_all(headers);
    return code;
}

/* A stream that ends whole by itself is that of a server that goes; nothing goes while nothing disturbs the system. */
static void watch(struct load_client *c)
{
    struct call call = {.method = "GET", .path = "/ui/events", .access = FOR_ADMINS, .who = ADMIN};
    struct stream s = {
        .client = c, .curl = curl_easy_init(), .end_ms = mono_ms() + 500 + (int64_t)client_random(c, 8000)};
    long status = 0;
    int64_t took_us = 0;
    int port = atomic_load(&c->load->shared->port);
    if (!port || !s.curl) {
        curl_easy_cleanup(s.curl);
        return;
    }
    CURLcode code = stream_read(&s, port, &status, &took_us);
    bool is_whole = code == CURLE_OK || s.was_closed;
    buf_char(&s.body, '\0');
    if (is_whole && status && client_judge(c, &call, (int)status, s.body.data)) client_served(c, took_us);
    if (!is_whole || (c->load->is_strict && !s.was_closed))
        atomic_fetch_add(&c->count->broken, port == atomic_load(&c->load->shared->port));
    buf_free(&s.body);
    curl_easy_cleanup(s.curl);
}

int watcher_run(struct load_client *c)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (; !client_is_over(c); client_pause(c)) watch(c);
    return 0;
}
