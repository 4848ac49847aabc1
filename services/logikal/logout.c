/* Logging out of a session that somebody else has left open. See logout.h. */
#include "services/logikal/logout.h"

#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/conf.h"
#include "conf/log.h"
#include "services/logikal/http.h"

#define TIMEOUT_MS 5000

static void on_done(void *arg, const struct http_answer *answer)
{
    *(int *)arg = answer->status ? answer->status : -1;
}

bool logikal_logout(const struct conf *conf, const char *token)
{
    const char *base = conf_str(conf, SET_LOGIKAL_URL);
    int len = (int)strlen(base), status = 0;
    char url[1200];
    while (len > 0 && base[len - 1] == '/') len--;
    snprintf(url, sizeof url, "%.*s/auth", len, base);
    const struct http_tls tls = {conf_str(conf, SET_LOGIKAL_CA_FILE), conf_str(conf, SET_LOGIKAL_CERT_FILE),
                                 conf_str(conf, SET_LOGIKAL_KEY_FILE)};
    struct http *http = http_new(&tls, NULL);
    struct http_call *call = http ? http_call_new(http, on_done, &status) : NULL;
    const struct http_request request = {
        .method = "DELETE", .url = url, .token = token, .timeout_ms = TIMEOUT_MS, .limit_bytes = 65536};
    int64_t deadline_ms = mono_ms() + TIMEOUT_MS;
    if (call && http_call_start(call, &request, NULL) == 0)
        while (!status && mono_ms() < deadline_ms) http_poll(http, 50);
    bool is_over = (status >= 200 && status < 300) || status == 401 || status == 404;
    if (is_over)
        log_info("a Logikal session that was left open was logged out (%d)", status);
    else
        log_warning("a Logikal session that was left open could not be logged out (%d); the next sync tries again",
                    status);
    http_call_free(call);
    http_free(http);
    return is_over;
}
