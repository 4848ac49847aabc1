/* Where Redis is and how to get in: redis://, rediss:// (TLS), unix:// and redis+socket:// URLs as the Python clients
 * write them, or the single settings. Pure; touches no network. */
#ifndef LOGIKALD_IPC_REDIS_URL_H
#define LOGIKALD_IPC_REDIS_URL_H

#include <stdbool.h>

#include "conf/conf.h"
#include "conf/err.h"

enum redis_transport { REDIS_TCP, REDIS_TLS, REDIS_UNIX };

struct redis_url {
    enum redis_transport transport;
    char host[256]; /* name or address; empty for REDIS_UNIX */
    int port;
    char others[512]; /* further hosts in the same form, with commas; tried in turn */
    char path[108];   /* socket path for REDIS_UNIX */
    char user[256];   /* ACL user; empty = the default user */
    char password[1025];
    int db;
    bool is_unverified;                 /* ssl_cert_reqs=none was asked for */
    bool any_name;                      /* ssl_check_hostname=false was asked for */
    char cert_file[513], key_file[513]; /* our own certificate and its key (PEM); empty = none */
    char key_password[129];
    char prefix[72], result_prefix[72];       /* before the names of keys and channels; empty unless configured */
    char fanout[65], control[64], events[64]; /* of channels, as kombu and Celery name them; see settings.def */
    char ca_file[1025];                       /* extra certificate authorities (PEM); empty = the system's only */
};

/* Reads text:
 * [user[:password]@]host[:port][,host[:port]...][/db][?db=N&ssl_cert_reqs=none|optional|required&ssl_ca_certs=PATH
 * &ssl_certfile=PATH&ssl_keyfile=PATH&ssl_password=TEXT&ssl_check_hostname=true|false],
 * every part percent-decoded; IPv6 addresses in brackets. 0, or -ERR_CONFIG with what is wrong (never with the
 * password). */
int redis_url_parse(const char *text, struct redis_url *out, struct err *err);

/* The next of several hosts becomes the one; nothing happens when there is one. */
void redis_url_next(struct redis_url *url);

/* From REDIS_URL, else from host, port, db and password. -ERR_NOT_FOUND (a text that says what to set) when neither is
 * there, -ERR_CONFIG when it is malformed. */
int redis_url_from_conf(const struct conf *conf, struct redis_url *out, struct err *err);

/* "rediss://host:port/db" without user and password, for people. Returns out. */
const char *redis_url_shown(const struct redis_url *url, char *out, unsigned size);

#endif
