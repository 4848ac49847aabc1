/* See download.h. A reader that stops does so in curl's write function: its socket fills, and then the server's. */
#include "tests/support/answers/download.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BYTES = 16384 };

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct download *d = arg;
    size_t used = strlen(d->headers);
    snprintf(d->headers + used, sizeof d->headers - used, "%.*s", (int)(size * count), bytes);
    return size * count;
}

static void keep_tail(struct download *d, const char *bytes, size_t n)
{
    size_t most = sizeof d->tail - 1, has = strlen(d->tail), keep = n < most ? most - n : 0;
    if (n > most) {
        bytes += n - most;
        n = most;
    }
    if (keep > has) keep = has;
    memmove(d->tail, d->tail + has - keep, keep);
    memcpy(d->tail + keep, bytes, n);
    d->tail[keep + n] = 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct download *d = arg;
    d->bytes += size * count;
    if (d->is_lines)
        keep_tail(d, bytes, size * count);
    else if (!json_walk_feed(&d->walk, bytes, size * count))
        return 0;
    if (d->pause_ms) usleep((useconds_t)d->pause_ms * 1000);
    if (!atomic_exchange(&d->has_begun, true) && d->stops) {
        pthread_mutex_lock(&d->mutex);
        while (!d->may_go_on) pthread_cond_wait(&d->moved, &d->mutex);
        pthread_mutex_unlock(&d->mutex);
        if (d->gives_up) return 0;
    }
    return size * count;
}

/* A small window, so that the server notices a reader that stops. */
static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    int bytes = RECEIVE_BYTES;
    (void)purpose;
    const struct download *d = arg;
    if (d->stops || d->pause_ms) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return CURL_SOCKOPT_OK;
}

static void *work(void *arg)
{
    struct download *d = arg;
    char bearer[2200];
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", d->bearer);
    struct curl_slist *list = curl_slist_append(NULL, bearer);
    if (d->header) list = curl_slist_append(list, d->header);
    CURL *c = curl_easy_init();
    if (!c || !list) abort();
    curl_easy_setopt(c, CURLOPT_URL, d->url);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, d);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, d);
    curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, on_socket);
    curl_easy_setopt(c, CURLOPT_SOCKOPTDATA, d);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, d->timeout_ms ? d->timeout_ms : 120000L);
    if (d->is_gzip) curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "gzip");
    if (d->is_http_1_0) curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_0);
    d->failure = (int)curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &d->status);
    curl_easy_cleanup(c);
    curl_slist_free_all(list);
    return NULL;
}

void download_start(struct download *d)
{
    static bool is_set_up;
    if (!is_set_up) is_set_up = curl_global_init(CURL_GLOBAL_DEFAULT) == 0;
    pthread_mutex_init(&d->mutex, NULL);
    pthread_cond_init(&d->moved, NULL);
    if (pthread_create(&d->thread, NULL, work, d) != 0) abort();
}

void download_go_on(struct download *d)
{
    pthread_mutex_lock(&d->mutex);
    d->may_go_on = true;
    pthread_cond_signal(&d->moved);
    pthread_mutex_unlock(&d->mutex);
}

void download_join(struct download *d)
{
    pthread_join(d->thread, NULL);
    pthread_cond_destroy(&d->moved);
    pthread_mutex_destroy(&d->mutex);
}

void download_run(struct download *d)
{
    download_start(d);
    download_join(d);
}
