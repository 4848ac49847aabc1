/* The files that settings name, as the pre-flight sees them: each is there, can be read, and holds what it should. Also
 * those that nothing needs now (Redis without TLS, no webhook yet): when it is needed it is too late to look. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "conf/text/buf.h"
#include "ipc/redis/redis_url.h"
#include "services/check/check_internal.h"
#include "services/store/db/database_url.h"
#include "services/store/db/db_session.h"

struct file_check {
    struct buf faults, warnings;
    int seen;
};

static void fault(struct file_check *l, const char *name, const char *path, const char *why)
{
    buf_printf(&l->faults, "%s%s: %s %s", l->faults.len ? "; " : "", name, path, why);
}

/* A file that is there and can be read, from its beginning; NULL: told. */
static BIO *open_file(struct file_check *l, const char *name, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    BIO *bio = NULL;
    l->seen++;
    if (fd < 0 || fstat(fd, &st) != 0)
        fault(l, name, path, errno == ENOENT ? "is not there" : strerror(errno));
    else if (!S_ISREG(st.st_mode))
        fault(l, name, path, "is no file");
    else if (st.st_size == 0)
        fault(l, name, path, "is empty");
    else if (!(bio = BIO_new_fd(fd, BIO_CLOSE)))
        fault(l, name, path, "cannot be looked into: no memory");
    if (fd >= 0 && !bio) close(fd);
    return bio;
}

static bool has_ended(const X509 *certificate)
{
    return X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
}

/* Certificates of a PEM file, of which one at least has to be valid still. */
static void look_at_certificates(struct file_check *l, const char *name, const char *path)
{
    BIO *bio = open_file(l, name, path);
    STACK_OF(X509_INFO) *infos = bio ? PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL) : NULL;
    int count = 0, ended = 0;
    for (int i = 0; infos && i < sk_X509_INFO_num(infos); i++) {
        const X509 *certificate = sk_X509_INFO_value(infos, i)->x509;
        count += certificate != NULL;
        ended += certificate && has_ended(certificate);
    }
    if (bio && !infos)
        fault(l, name, path, "cannot be read as PEM certificates");
    else if (bio && count == 0)
        fault(l, name, path, "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
    else if (bio && count == ended)
        buf_printf(&l->warnings, "%s%s: all certificates of %s have ended", l->warnings.len ? "; " : "", name, path);
    sk_X509_INFO_pop_free(infos, X509_INFO_free);
    BIO_free(bio);
    ERR_clear_error();
}

static int give_password(char *out, int size, int is_writing, void *arg)
{
    const char *password = arg;
    (void)is_writing;
    if (!password || strlen(password) >= (size_t)size) return 0;
    memcpy(out, password, strlen(password) + 1);
    return (int)strlen(password);
}

static X509 *certificate_in(const char *path)
{
    BIO *bio = BIO_new_file(path, "r");
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return certificate;
}

/* The key of a certificate; it may stand in the same file. */
static void look_at_key(struct file_check *l, const char *name, const char *path, const char *certificate_path,
                        const char *password)
{
    BIO *bio = open_file(l, name, path);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)(uintptr_t)password) : NULL;
    X509 *certificate = key ? certificate_in(certificate_path) : NULL;
    if (bio && !key)
        fault(l, name, path, "cannot be read as a private key (PEM, not under a password that is not given)");
    else if (certificate && X509_check_private_key(certificate, key) != 1)
        fault(l, name, path, "is not the key of the certificate");
    X509_free(certificate);
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
}

/* An authority's certificates, our own certificate and its key, as settings or a URL name them; "" = not named. */
struct named {
    const char *authority_name, *authority, *certificate_name, *certificate, *key_name, *key, *password;
};

static void look_at(struct file_check *l, const struct named *n)
{
    if (*n->authority) look_at_certificates(l, n->authority_name, n->authority);
    if (*n->certificate) look_at_certificates(l, n->certificate_name, n->certificate);
    if (*n->key)
        look_at_key(l, n->key_name, n->key, n->certificate, n->password);
    else if (*n->certificate && access(n->certificate, R_OK) == 0)
        look_at_key(l, n->certificate_name, n->certificate, n->certificate, n->password);
}

static const char *word_or_none(const PQconninfoOption *url, const char *word)
{
    const char *text = db_session_word(url, word);
    return text ? text : "";
}

/* libpq goes on without an authority's file that is not there, and then verifies nothing (sslmode=require). */
static void look_at_postgres(struct file_check *l, const struct conf *conf)
{
    struct err err = {0};
    PQconninfoOption *url =
        conf_is_set(conf, SET_DATABASE_URL) ? database_url_parse(conf_str(conf, SET_DATABASE_URL), &err) : NULL;
    if (!url) return; /* its own check tells */
    const char *authority = word_or_none(url, "sslrootcert"), *key = word_or_none(url, "sslkey");
    look_at(l, &(struct named){"sslrootcert of DATABASE_URL", strcmp(authority, "system") == 0 ? "" : authority,
                               "sslcert of DATABASE_URL", word_or_none(url, "sslcert"), "sslkey of DATABASE_URL",
                               strchr(key, ':') ? "" : key /* in a device */, word_or_none(url, "sslpassword")});
    PQconninfoFree(url);
}

static void look_at_redis(struct file_check *l, const struct conf *conf)
{
    struct err err = {0};
    struct redis_url url;
    bool is_url = redis_url_from_conf(conf, &url, &err) == 0; /* with what settings name on top of what it names */
    look_at(l, &(struct named){"REDIS_CA_FILE", is_url ? url.ca_file : conf_str(conf, SET_REDIS_CA_FILE),
                               "REDIS_CERT_FILE", is_url ? url.cert_file : conf_str(conf, SET_REDIS_CERT_FILE),
                               "REDIS_KEY_FILE", is_url ? url.key_file : conf_str(conf, SET_REDIS_KEY_FILE),
                               is_url ? url.key_password : ""});
}

/* The supervisor ends when it cannot open it. */
static void look_at_log(struct file_check *l, const char *path)
{
    struct stat st;
    char parent[1100];
    if (!*path) return;
    l->seen++;
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash) slash[slash == parent] = '\0';
    bool is_there = stat(path, &st) == 0;
    if (is_there && S_ISDIR(st.st_mode))
        fault(l, "LOG_FILE", path, "is a directory");
    else if (is_there ? access(path, W_OK) != 0 : access(slash ? parent : ".", W_OK | X_OK) != 0)
        fault(l, "LOG_FILE", path, "cannot be written to");
}

void check_files(const struct conf *conf, struct check_line *line)
{
    struct file_check l = {0};
    look_at_postgres(&l, conf);
    look_at_redis(&l, conf);
    look_at(&l, &(struct named){"LOGIKAL_CA_FILE", conf_str(conf, SET_LOGIKAL_CA_FILE), "LOGIKAL_CERT_FILE",
                                conf_str(conf, SET_LOGIKAL_CERT_FILE), "LOGIKAL_KEY_FILE",
                                conf_str(conf, SET_LOGIKAL_KEY_FILE), ""});
    look_at(&l, &(struct named){"WEBHOOK_CA_FILE", conf_str(conf, SET_WEBHOOK_CA), "", "", "", "", ""});
    look_at_log(&l, conf_str(conf, SET_LOG_FILE));
    if (l.faults.len > 0)
        check_say(line, CHECK_FAILED, "%.*s: put it there for this user to use, or leave the setting empty",
                  l.faults.len > 500 ? 500 : (int)l.faults.len, l.faults.data);
    else if (l.warnings.len > 0)
        check_say(line, CHECK_WARNING, "%.*s", l.warnings.len > 500 ? 500 : (int)l.warnings.len, l.warnings.data);
    else if (l.seen > 0)
        check_say(line, CHECK_OK, "%d that settings name can be used", l.seen);
    else
        check_say(line, CHECK_SKIPPED, "no setting names one");
    buf_free(&l.faults);
    buf_free(&l.warnings);
}
