/* Where Redis is and how to get in: redis://, rediss:// (TLS), unix:// and redis+socket:// URLs as the Python clients
 * write them, sentinel:// as kombu has it, or the single settings. Pure; touches no network. */
#ifndef LOGIKALD_IPC_REDIS_REDIS_URL_H
#define LOGIKALD_IPC_REDIS_REDIS_URL_H

#include <stdbool.h>

#include "conf/conf.h"
#include "conf/err.h"

enum redis_transport { REDIS_TCP, REDIS_TLS, REDIS_UNIX };

#define REDIS_SENTINELS_MAX  9
#define REDIS_URL_SHOWN_SIZE 1024

struct redis_address {
    char host[256]; /* empty = none */
    int port;
};

/* Who is asked where the server is. */
struct redis_sentinels {
    char hosts[512];               /* "host:port,[::1]:port"; empty = nobody, the URL names the server itself */
    char master[129];              /* what they call it */
    char user[129], password[513]; /* their own, not the server's */
    bool is_tls;
};

struct redis_url {
    enum redis_transport transport;
    char host[256]; /* name or address; empty for REDIS_UNIX, and with Sentinels until they have named it */
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
    struct redis_sentinels sentinels;
};

/* Reads text:
 * [user[:password]@]host[:port][,host[:port]...][/db][?db=N&ssl_cert_reqs=none|optional|required&ssl_ca_certs=PATH
 * &ssl_certfile=PATH&ssl_keyfile=PATH&ssl_password=TEXT&ssl_check_hostname=true|false],
 * every part percent-decoded; IPv6 addresses in brackets. Sentinels stand in URLs of their own, sentinel:// (or
 * sentinels://, TLS), with ";" between them; user, password and database are the server's, and the first's where others
 * leave them out; further options: master_name, sentinel_ssl. 0, or -ERR_CONFIG with what is wrong (never with the
 * password). */
int redis_url_parse(const char *text, struct redis_url *out, struct err *err);

/* The next of several hosts becomes the one; nothing happens when there is one. */
void redis_url_next(struct redis_url *url);

/* From REDIS_URL, else from host, port, db and password. -ERR_NOT_FOUND (a text that says what to set) when neither is
 * there, -ERR_CONFIG when it is malformed. */
int redis_url_from_conf(const struct conf *conf, struct redis_url *out, struct err *err);

/* How many attempts may lead to different servers: who asks once tries as often before it gives up. */
int redis_url_places(const struct redis_url *url);

bool redis_is_master_name(const char *text);

/* The first host of a list as redis_sentinels has it; false at its end. */
bool redis_sentinels_next(const char **list, struct redis_address *out);

/* "rediss://host:port/db" without user and password, for people (at most REDIS_URL_SHOWN_SIZE). Returns out. */
const char *redis_url_shown(const struct redis_url *url, char *out, unsigned size);

#endif
