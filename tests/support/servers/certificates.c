/* Certificates: see certificates.h. Made by the openssl command. */
#include "tests/support/servers/certificates.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/support_internal.h"

static const char script[] =
    "set -e; cd \"$1\"\n"
    "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem\n"
    "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=stranger -keyout stranger.key -out stranger.pem\n"
    "for who in server client; do\n"
    "  openssl req -newkey rsa:2048 -nodes -subj /CN=$who -keyout $who.key -out $who.csr\n"
    "  printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\\n' >$who.ext\n"
    "  openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $who.ext -out "
    "$who.pem\n"
    "done\n"
    "cat server.pem server.key >server-both.pem\n"
    "openssl rsa -aes256 -passout pass:opens -in client.key -out locked.key\n"
    "chmod 644 *.key\n";

void certificates_make(struct certificates *c)
{
    char dir[256], *output = NULL;
    support_make_dir(dir, sizeof dir, "certificates");
    char *const argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)script, (char *)"sh", dir, NULL};
    if (process_run(argv, NULL, &output) != 0) fail_msg("openssl: %s", output);
    free(output);
    support_format(c->ca, sizeof c->ca, "%s/ca.pem", dir);
    support_format(c->server, sizeof c->server, "%s/server-both.pem", dir);
    support_format(c->server_cert, sizeof c->server_cert, "%s/server.pem", dir);
    support_format(c->server_key, sizeof c->server_key, "%s/server.key", dir);
    support_format(c->client_cert, sizeof c->client_cert, "%s/client.pem", dir);
    support_format(c->client_key, sizeof c->client_key, "%s/client.key", dir);
    support_format(c->locked_key, sizeof c->locked_key, "%s/locked.key", dir);
    support_format(c->stranger_ca, sizeof c->stranger_ca, "%s/stranger.pem", dir);
}
