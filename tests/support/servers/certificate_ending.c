/* Certificates with an end of the test's choice: see certificates.h. The openssl command makes none that has ended. */
#include "tests/support/servers/certificates.h"

#include <stdio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/support/support_internal.h"

static void extend(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    if (!extension || X509_add_ext(certificate, extension, -1) != 1) fail_msg("no extension: %s", value);
    X509_EXTENSION_free(extension);
}

static X509 *make(EVP_PKEY *key, const char *subject, const char *names, long seconds)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), seconds > 0 ? seconds : 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -30L * 86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)subject, -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
    extend(certificate, NID_subject_alt_name, names);
    if (X509_sign(certificate, key, EVP_sha256()) == 0) fail_msg("a certificate cannot be signed");
    return certificate;
}

static void write_files(const char *dir, const char *name, X509 *certificate, EVP_PKEY *key)
{
    static const struct {
        const char *end;
        bool has_certificate, has_key;
    } files[] = {{"pem", true, false}, {"key", false, true}, {"both", true, true}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[400];
        support_format(path, sizeof path, "%s/%s.%s", dir, name, files[i].end);
        FILE *f = fopen(path, "we");
        assert_non_null(f);
        if (files[i].has_certificate) assert_int_equal(PEM_write_X509(f, certificate), 1);
        if (files[i].has_key) assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
        assert_int_equal(fclose(f), 0);
    }
}

void certificate_make_ending(const char *dir, const char *name, const char *names, long seconds)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509 *certificate = make(key, name, names, seconds);
    write_files(dir, name, certificate, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
}
