/* An authority of the test's own, and what it has signed: PEM files in the test's directory. */
#ifndef LOGIKALD_TESTS_SUPPORT_SERVERS_CERTIFICATES_H
#define LOGIKALD_TESTS_SUPPORT_SERVERS_CERTIFICATES_H

struct certificates {
    char ca[300];     /* the authority's certificate */
    char server[300]; /* certificate and key in one file, for 127.0.0.1 and localhost */
    char server_cert[300], server_key[300];
    char client_cert[300], client_key[300];
    char locked_key[300]; /* the client's key under the password "opens" */
    char stranger_ca[300];
};
void certificates_make(struct certificates *c);

/* Makes NAME.pem, NAME.key and both as NAME.both in dir: a certificate that signs itself, for these names
 * ("IP:127.0.0.1,DNS:localhost"), and ends so many seconds from now (negative: it has ended). */
void certificate_make_ending(const char *dir, const char *name, const char *names, long seconds);

#endif
