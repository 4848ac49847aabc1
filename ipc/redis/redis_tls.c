/* TLS for the Redis client: the server's certificate is verified against the system's authorities and REDIS_CA_FILE,
 * its name against the host of the URL, which is also sent as SNI. */
#include "ipc/redis/redis_internal.h"

#include <string.h>
#include <event2/bufferevent_ssl.h>
#include <event2/util.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "ipc/certificate.h"

static const char *why(void)
{
    const char *text = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    return text ? text : "no such file";
}

static int give_password(char *out, int size, int is_writing, void *arg)
{
    const struct redis_url *url = arg;
    (void)is_writing;
    int len = (int)strlen(url->key_password);
    if (len >= size) return 0;
    memcpy(out, url->key_password, (size_t)len + 1);
    return len;
}

/* The authorities that we trust besides the system's, and our own certificate. */
static int load_files(SSL_CTX *tls, const struct redis_url *url, struct err *err)
{
    const char *key = url->key_file[0] ? url->key_file : url->cert_file;
    ERR_clear_error();
    if (url->ca_file[0] && SSL_CTX_load_verify_locations(tls, url->ca_file, NULL) != 1)
        return err_set(err, ERR_CONFIG, "REDIS_CA_FILE: %s cannot be read as PEM certificates: %s", url->ca_file,
                       why());
    if (!url->cert_file[0]) return 0;
    SSL_CTX_set_default_passwd_cb(tls, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(tls, (void *)(uintptr_t)url);
    if (SSL_CTX_use_certificate_chain_file(tls, url->cert_file) != 1)
        return err_set(err, ERR_CONFIG, "REDIS_CERT_FILE: %s cannot be read as PEM certificates: %s", url->cert_file,
                       why());
    if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(tls) != 1)
        return err_set(err, ERR_CONFIG,
                       "REDIS_KEY_FILE: %s cannot be read as the private key of REDIS_CERT_FILE (PEM): %s", key, why());
    SSL_CTX_set_default_passwd_cb_userdata(tls, NULL);
    SSL_CTX_set_default_passwd_cb(tls, NULL);
    return 0;
}

SSL_CTX *tls_context(const struct redis_url *url, struct err *err)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (!tls) {
        err_set(err, ERR_NOMEM, "TLS cannot be set up");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
    SSL_CTX_set_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF); /* a closed connection is a lost one either way */
#endif
    SSL_CTX_set_verify(tls, url->is_unverified ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_verify_paths(tls);
    if (load_files(tls, url, err) == 0) return tls;
    SSL_CTX_free(tls);
    return NULL;
}

void tls_context_free(SSL_CTX *tls)
{
    SSL_CTX_free(tls);
}

struct bufferevent *tls_bufferevent(struct event_base *base, SSL_CTX *tls, const char *host, bool any_name, int fd)
{
    SSL *ssl = SSL_new(tls);
    if (!ssl) return NULL;
    struct sockaddr_storage address;
    int len = sizeof address;
    bool is_address = evutil_parse_sockaddr_port(host, (struct sockaddr *)&address, &len) == 0;
    if (!is_address) SSL_set_tlsext_host_name(ssl, host);
    if (any_name) {
        /* any certificate of a trusted authority will do */
    } else if (is_address) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    } else {
        SSL_set1_host(ssl, host);
    }
    ERR_clear_error();
    struct bufferevent *bev =
        bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) SSL_free(ssl);
    return bev;
}

void tls_fault(struct bufferevent *bev, bool has_own, char *out, size_t size)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    long verdict = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
    unsigned long code = bufferevent_get_openssl_error(bev);
    if (verdict != X509_V_OK && code) {
        snprintf(out, size, "TLS: the server's certificate is refused: %s (REDIS_CA_FILE adds an authority)",
                 X509_verify_cert_error_string(verdict));
    } else if (code) {
        const char *text = ERR_reason_error_string(code);
        bool is_ours = !has_own && (!text || strstr(text, "certificate required") || strstr(text, "handshake failure"));
        bool is_plain = text && strstr(text, "wrong version number");
        snprintf(out, size, "TLS: %s%s", text ? text : "protocol error",
                 is_ours    ? " (does the server ask for a certificate of ours? REDIS_CERT_FILE and REDIS_KEY_FILE)"
                 : is_plain ? " (is this a plain port? then the URL begins with redis://)"
                            : "");
    }
    ERR_clear_error();
}

int64_t redis_certificate_ends_s(const struct redis *r)
{
    bool is_tls = r->bev && r->state == REDIS_UP && r->url.transport == REDIS_TLS;
    return is_tls ? certificate_ends_s(bufferevent_openssl_get_ssl(r->bev)) : 0;
}
