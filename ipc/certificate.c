/* What is known of the certificate of whom we talk to by TLS. See certificate.h. */
#include "ipc/certificate.h"

#include <time.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

int64_t certificate_ends_s(const struct ssl_st *ssl)
{
    X509 *certificate = ssl ? SSL_get1_peer_certificate(ssl) : NULL;
    struct tm tm;
    int64_t ends_s = certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) == 1 ? timegm(&tm) : 0;
    X509_free(certificate);
    return ends_s;
}
