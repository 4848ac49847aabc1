/* TLS for the Redis client: the server's certificate is verified against the system's authorities and REDIS_CA_FILE,
 * its name against the host of the URL, which is also sent as SNI. */
#include "ipc/redis_internal.h"

#include <string.h>
#include <event2/bufferevent_ssl.h>
#include <event2/util.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

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
    ERR_clear_error();
    if (url->ca_file[0] && SSL_CTX_load_verify_locations(tls, url->ca_file, NULL) != 1) {
        const char *why = ERR_reason_error_string(ERR_get_error());
        err_set(err, ERR_CONFIG, "REDIS_CA_FILE: %s cannot be read as PEM certificates: %s", url->ca_file,
                why ? why : "no such file");
        ERR_clear_error();
        SSL_CTX_free(tls);
        return NULL;
    }
    return tls;
}

void tls_context_free(SSL_CTX *tls)
{
    SSL_CTX_free(tls);
}

struct bufferevent *tls_bufferevent(struct redis *r, int fd)
{
    SSL *ssl = SSL_new(r->tls);
    if (!ssl) return NULL;
    struct sockaddr_storage address;
    int len = sizeof address;
    bool is_address = evutil_parse_sockaddr_port(r->url.host, (struct sockaddr *)&address, &len) == 0;
    if (is_address) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), r->url.host);
    } else {
        SSL_set_tlsext_host_name(ssl, r->url.host);
        SSL_set1_host(ssl, r->url.host);
    }
    ERR_clear_error();
    struct bufferevent *bev =
        bufferevent_openssl_socket_new(r->base, fd, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) SSL_free(ssl);
    return bev;
}

void tls_fault(struct bufferevent *bev, char *out, size_t size)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    long verdict = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
    unsigned long code = bufferevent_get_openssl_error(bev);
    if (verdict != X509_V_OK && code) {
        snprintf(out, size, "TLS: the server's certificate is refused: %s (REDIS_CA_FILE adds an authority)",
                 X509_verify_cert_error_string(verdict));
    } else if (code) {
        const char *why = ERR_reason_error_string(code);
        snprintf(out, size, "TLS: %s", why ? why : "protocol error");
    }
    ERR_clear_error();
}
