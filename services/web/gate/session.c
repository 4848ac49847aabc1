/* Admin sessions: logging in and out, what a session stands on, its cookie and its CSRF token. */
#include "services/web/gate/session.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <sodium.h>

#include "conf/log.h"
#include "conf/machine/random.h"
#include "services/store/web/access/access_read.h"
#include "services/web/gate/credentials/attempts.h"
#include "services/web/gate/auth.h"
#include "services/web/gate/console.h"
#include "services/web/http/reply.h"

bool session_id_of(const char *token, char out[65])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    size_t len = strlen(token);
    if (len != SESSION_TOKEN_SIZE - 1 || strspn(token, "0123456789abcdef") != len) return false;
    crypto_hash_sha256(hash, (const unsigned char *)token, len);
    sodium_bin2hex(out, 65, hash, sizeof hash);
    return true;
}

static void csrf_of(const struct web *web, enum setting_id key_id, const char *token, char out[65])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    const char *key = conf_str(web->conf, key_id);
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)token, strlen(token));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)"csrf", 4);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(out, 65, mac, sizeof mac);
}

void session_csrf_of(const struct web *web, const char *token, char out[65])
{
    csrf_of(web, SET_SECRET_KEY, token, out);
}

bool session_csrf_holds(const struct web *web, const char *token, const char *csrf)
{
    char wanted[65], before[65];
    bool has_previous = conf_is_set(web->conf, SET_SECRET_KEY_PREVIOUS);
    csrf_of(web, SET_SECRET_KEY, token, wanted);
    csrf_of(web, SET_SECRET_KEY_PREVIOUS, token, before);
    return ((int)session_equal(csrf, wanted) | ((int)has_previous & (int)session_equal(csrf, before))) != 0;
}

bool session_equal(const char *a, const char *b)
{
    unsigned char hash_a[crypto_hash_sha256_BYTES], hash_b[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash_a, (const unsigned char *)a, strlen(a));
    crypto_hash_sha256(hash_b, (const unsigned char *)b, strlen(b));
    return sodium_memcmp(hash_a, hash_b, sizeof hash_a) == 0;
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
    console_set_cookie(r, token, r->who.is_viewer);
}

/* ---- what a session stands on ---- */

static void add_part(crypto_auth_hmacsha256_state *state, const char *text)
{
    crypto_auth_hmacsha256_update(state, (const unsigned char *)text, strlen(text) + 1);
}

/* Under the token, which PostgreSQL does not have: who reads the row learns nothing about the password. */
static void proof_of(const struct web *web, enum setting_id key_id, const char *token, bool is_viewer,
                     char out[SESSION_PROOF_SIZE])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)token, strlen(token));
    add_part(&state, is_viewer ? "viewer" : "administrator");
    add_part(&state, conf_str(web->conf, is_viewer ? SET_VIEWER_USERNAME : SET_ADMIN_USERNAME));
    add_part(&state, conf_str(web->conf, is_viewer ? SET_VIEWER_PASSWORD : SET_ADMIN_PASSWORD));
    add_part(&state, conf_str(web->conf, key_id));
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(out, SESSION_PROOF_SIZE, mac, sizeof mac);
}

/* The viewer is told apart by the name, so it must be another one. */
bool session_role_is_there(const struct web *web, bool is_viewer)
{
    const char *admin = conf_str(web->conf, SET_ADMIN_USERNAME);
    if (!is_viewer) return conf_is_set(web->conf, SET_ADMIN_PASSWORD);
    return conf_is_set(web->conf, SET_VIEWER_PASSWORD) && strcmp(conf_str(web->conf, SET_VIEWER_USERNAME), admin) != 0;
}

bool session_stands(const struct web *web, const char *token, bool is_viewer, const char *proof)
{
    char wanted[SESSION_PROOF_SIZE], before[SESSION_PROOF_SIZE];
    bool has_previous = conf_is_set(web->conf, SET_SECRET_KEY_PREVIOUS);
    proof_of(web, SET_SECRET_KEY, token, is_viewer, wanted);
    proof_of(web, SET_SECRET_KEY_PREVIOUS, token, is_viewer, before);
    return session_role_is_there(web, is_viewer) &&
           ((int)session_equal(wanted, proof) | ((int)has_previous & (int)session_equal(before, proof))) != 0;
}

/* ---- logging in ---- */

struct login {
    char token[SESSION_TOKEN_SIZE];
    const char *username, *password;
    void (*then)(struct req *r, const char *token, const char *expires_at);
};

static bool is_user(const struct web *web, bool is_viewer, const char *username, const char *password)
{
    bool name = session_equal(username, conf_str(web->conf, is_viewer ? SET_VIEWER_USERNAME : SET_ADMIN_USERNAME));
    bool word = session_equal(password, conf_str(web->conf, is_viewer ? SET_VIEWER_PASSWORD : SET_ADMIN_PASSWORD));
    return (name & word) && session_role_is_there(web, is_viewer); /* both, always: the time tells nothing */
}

static void then_added(struct req *r, const PGresult *result, void *arg)
{
    struct login *l = arg;
    attempt_succeeded(r);
    log_info("%s logged in to the admin pages from %s", l->username, r->address);
    char *expires_at = req_strdup(r, PQgetvalue(result, 0, 0));
    l->then(r, l->token, expires_at);
}

static void add_session(struct req *r, bool is_viewer)
{
    struct login *l = r->state;
    char id[65], hours[16], proof[SESSION_PROOF_SIZE];
    random_token_hex(l->token, 32);
    session_id_of(l->token, id);
    proof_of(r->web, SET_SECRET_KEY, l->token, is_viewer, proof);
    snprintf(hours, sizeof hours, "%lld", (long long)conf_int(r->web->conf, SET_ADMIN_SESSION_HOURS));
    r->who.is_viewer = is_viewer; /* for the cookies */
    const char *values[] = {id, l->username, r->address, hours, is_viewer ? "true" : "false", proof};
    req_query_with(r, &query_session_add, 6, values, then_added, l);
}

static void try_login(struct req *r)
{
    struct login *l = r->state;
    bool is_admin = is_user(r->web, false, l->username, l->password);
    bool is_viewer = is_user(r->web, true, l->username, l->password);
    if (is_admin | is_viewer) {
        add_session(r, !is_admin);
        return;
    }
    attempt_failed(r);
    log_warning("a login as administrator failed, from %s", r->address);
    l->then(r, NULL, NULL);
}

/* Names that nobody has are counted as one. */
static const char *account_of(const struct web *web, const char *username)
{
    bool is_somebody = strcmp(username, conf_str(web->conf, SET_ADMIN_USERNAME)) == 0 ||
                       strcmp(username, conf_str(web->conf, SET_VIEWER_USERNAME)) == 0;
    return is_somebody ? username : "";
}

void session_login(struct req *r, const char *username, const char *password,
                   void (*then)(struct req *r, const char *token, const char *expires_at))
{
    struct login *l = req_alloc(r, sizeof *l);
    l->then = then;
    l->username = username ? username : "";
    l->password = password ? password : "";
    r->state = l;
    attempt_begin(r, ATTEMPT_ADMIN, account_of(r->web, l->username), try_login);
}

static void then_dropped(struct req *r, const PGresult *result, void *arg)
{
    (void)result;
    void (**then)(struct req * r) = arg;
    (*then)(r);
}

void session_logout(struct req *r, void (*then)(struct req *r))
{
    session_set_cookie(r, NULL);
    if (r->who.kind != WHO_ADMIN) {
        then(r);
        return;
    }
    console_close(r->who.session);
    void (**kept)(struct req *) = req_alloc(r, sizeof *kept);
    *kept = then;
    req_query_with(r, &query_session_drop, 1, (const char *[]){r->who.session}, then_dropped, kept);
}
