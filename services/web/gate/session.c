/* See session.h. */
#include "services/web/gate/session.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <sodium.h>

#include "conf/log.h"
#include "conf/random.h"
#include "services/store/web/access_read.h"
#include "services/web/gate/auth.h"
#include "services/web/gate/limiter.h"
#include "services/web/http/reply.h"

bool session_id_of(const char *token, char out[65])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    size_t len = strlen(token);
    if (len != SESSION_TOKEN_SIZE - 1 || strspn(token, "0123456789abcdef") != len) return false;
    crypto_hash_sha256(hash, (const unsigned char *)token, len);
    sodium_bin2hex(out, 65, hash, sizeof(hash));
    return true;
}

void session_csrf_of(const struct web *web, const char *token, char out[65])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    const char *key = conf_str(web->conf, SET_SECRET_KEY);
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)token, strlen(token));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)"csrf", 4);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(out, 65, mac, sizeof(mac));
}

bool session_equal(const char *a, const char *b)
{
    unsigned char hash_a[crypto_hash_sha256_BYTES], hash_b[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash_a, (const unsigned char *)a, strlen(a));
    crypto_hash_sha256(hash_b, (const unsigned char *)b, strlen(b));
    return sodium_memcmp(hash_a, hash_b, sizeof(hash_a)) == 0;
}

void session_csrf_field(struct req *r, char *out, size_t size)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(r->ev);
    size_t len = evbuffer_get_length(input);
    char *text = req_alloc(r, len + 1);
    struct evkeyvalq form;
    TAILQ_INIT(&form);
    evbuffer_copyout(input, text, len);
    const char *token = evhttp_parse_query_str(text, &form) == 0 ? evhttp_find_header(&form, "csrf_token") : NULL;
    snprintf(out, size, "%s", token ? token : "");
    evhttp_clear_headers(&form);
}

void session_set_cookie(struct req *r, const char *token)
{
    long long seconds = token ? (long long)conf_int(r->web->conf, SET_ADMIN_SESSION_HOURS) * 3600 : 0;
    reply_header(r, "Set-Cookie",
                 req_printf(r, AUTH_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s", token ? token : "",
                            seconds, r->is_https ? "; Secure" : ""));
}

/* ---- logging in ---- */

struct login {
    char token[SESSION_TOKEN_SIZE];
    const char *username;
    void (*then)(struct req *r, const char *token, const char *expires_at);
};

static bool is_user(const struct web *web, enum setting_id name_id, enum setting_id word_id, const char *username,
                    const char *password)
{
    const char *wanted = conf_str(web->conf, word_id);
    bool name = session_equal(username, conf_str(web->conf, name_id));
    bool word = session_equal(password, wanted); /* both, always: the time tells nothing */
    return (name & word) && *wanted;
}

/* The administrator, or the viewer - who is told apart by the name, so it must be another one. */
static bool is_known(const struct web *web, const char *username, const char *password)
{
    bool is_admin = is_user(web, SET_ADMIN_USERNAME, SET_ADMIN_PASSWORD, username, password);
    bool is_viewer = is_user(web, SET_VIEWER_USERNAME, SET_VIEWER_PASSWORD, username, password) &&
                     !session_equal(username, conf_str(web->conf, SET_ADMIN_USERNAME));
    return is_admin | is_viewer;
}

static void then_added(struct req *r, const PGresult *result)
{
    struct login *l = r->state;
    limiter_login_succeeded(r->web->limiter, r->address);
    log_info("%s logged in to the admin pages from %s", l->username, r->address);
    char *expires_at = req_strdup(r, PQgetvalue(result, 0, 0));
    l->then(r, l->token, expires_at);
}

void session_login(struct req *r, const char *username, const char *password,
                   void (*then)(struct req *r, const char *token, const char *expires_at))
{
    int wait_s = limiter_login_wait_s(r->web->limiter, r->address);
    if (wait_s > 0) {
        reply_header(r, "Retry-After", req_printf(r, "%d", wait_s));
        reply_detail(r, 429, "Too many failed logins; try again in %d seconds", wait_s);
        return;
    }
    if (!is_known(r->web, username ? username : "", password ? password : "")) {
        limiter_login_failed(r->web->limiter, r->address);
        log_warning("a login as administrator failed, from %s", r->address);
        then(r, NULL, NULL);
        return;
    }
    struct login *l = req_alloc(r, sizeof(*l));
    char id[65], hours[16];
    random_token_hex(l->token, 32);
    l->then = then;
    l->username = req_strdup(r, username);
    r->state = l;
    session_id_of(l->token, id);
    snprintf(hours, sizeof(hours), "%lld", (long long)conf_int(r->web->conf, SET_ADMIN_SESSION_HOURS));
    req_query(r, &query_session_add, 4, (const char *[]){id, username, r->address, hours}, then_added);
}

static void then_dropped(struct req *r, const PGresult *result)
{
    (void)result;
    void (*then)(struct req *) = *(void (**)(struct req *))r->state;
    then(r);
}

void session_logout(struct req *r, void (*then)(struct req *r))
{
    session_set_cookie(r, NULL);
    if (r->who.kind != WHO_ADMIN) {
        then(r);
        return;
    }
    void (**kept)(struct req *) = req_alloc(r, sizeof(*kept));
    *kept = then;
    r->state = kept;
    req_query(r, &query_session_drop, 1, (const char *[]){r->who.session}, then_dropped);
}
