/* Reading Redis URLs: see redis_url.h. The text is cut from the left: scheme, credentials (up to the last '@' before
 * the path), host and port, path, query. Faults never quote what stands before the '@'. */
#include "ipc/redis/redis_url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SENTINEL_PORT 26379

struct url_slice {
    const char *at;
    size_t len;
};

static const struct {
    const char *scheme;
    enum redis_transport transport;
    int port; /* unless one is given */
} schemes[] = {
    {"redis", REDIS_TCP, 6379},
    {"valkey", REDIS_TCP, 6379},
    {"rediss", REDIS_TLS, 6379},
    {"valkeys", REDIS_TLS, 6379},
    {"unix", REDIS_UNIX, 0},
    {"redis+socket", REDIS_UNIX, 0},
    {"redis+unix", REDIS_UNIX, 0},
    {"sentinel", REDIS_TCP, SENTINEL_PORT},
    {"sentinels", REDIS_TLS, SENTINEL_PORT},
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decodes into out; false when it does not fit, is malformed, or holds a NUL. */
static bool decode(struct url_slice in, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.at[i];
        if (c == '%') {
            if (in.len - i < 3) return false;
            int high = hex_digit(in.at[i + 1]), low = hex_digit(in.at[i + 2]);
            if (high < 0 || low < 0) return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || used + 1 >= size) return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

static int number(struct url_slice in, int max)
{
    if (in.len == 0 || in.len > 6) return -1;
    int value = 0;
    for (size_t i = 0; i < in.len; i++) {
        if (in.at[i] < '0' || in.at[i] > '9') return -1;
        value = value * 10 + (in.at[i] - '0');
    }
    return value <= max ? value : -1;
}

/* Cuts rest at the first of the characters in stops; what is before it is returned, rest begins with the stop. */
static struct url_slice cut(struct url_slice *rest, const char *stops)
{
    size_t n = 0;
    while (n < rest->len && !strchr(stops, rest->at[n])) n++;
    struct url_slice head = {rest->at, n};
    rest->at += n;
    rest->len -= n;
    return head;
}

static void skip(struct url_slice *s, size_t n)
{
    s->at += n;
    s->len -= n;
}

static bool is_word(struct url_slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

static int read_credentials(struct url_slice text, struct redis_url *out, struct err *err)
{
    struct url_slice user = cut(&text, ":");
    if (!decode(user, out->user, sizeof out->user))
        return err_set(err, ERR_CONFIG, "Redis URL: the user name is malformed or longer than 255 bytes");
    if (text.len == 0) return 0;
    skip(&text, 1);
    if (!decode(text, out->password, sizeof out->password))
        return err_set(err, ERR_CONFIG,
                       "Redis URL: the password is malformed (percent-encode special characters) or "
                       "longer than 1024 bytes");
    return 0;
}

/* out_port holds the one that counts when none is given. */
static int read_host(struct url_slice text, char *out_host, size_t host_size, int *out_port, struct err *err)
{
    struct url_slice host;
    if (text.len > 0 && text.at[0] == '[') {
        skip(&text, 1);
        host = cut(&text, "]");
        if (text.len == 0) return err_set(err, ERR_CONFIG, "Redis URL: \"]\" is missing after the IPv6 address");
        skip(&text, 1);
    } else {
        host = cut(&text, ":");
    }
    if (!decode(host, out_host, host_size))
        return err_set(err, ERR_CONFIG, "Redis URL: the host is malformed or longer than 255 bytes");
    if (out_host[0] == '\0') memcpy(out_host, "localhost", sizeof "localhost");
    for (const char *c = out_host; *c; c++)
        if ((unsigned char)*c <= ' ' || strchr("${}<>[]@/?#%,;\"\\", *c))
            return err_set(err, ERR_CONFIG, /* it may be a part of the password, so it is not quoted */
                           "Redis URL: the host holds a character that no host name has (percent-encode what is "
                           "special in a password)");
    if (text.len == 0) return 0;
    if (text.at[0] != ':') return err_set(err, ERR_CONFIG, "Redis URL: expected :port after the host");
    skip(&text, 1);
    *out_port = number(text, 65535);
    if (*out_port <= 0) return err_set(err, ERR_CONFIG, "Redis URL: the port must be a number from 1 to 65535");
    return 0;
}

/* The first host of a list with commas; the others are read for their faults, and kept as they are written. */
static int read_hosts(struct url_slice text, struct redis_url *out, struct err *err)
{
    struct url_slice first = cut(&text, ",");
    out->port = 6379;
    int rc = read_host(first, out->host, sizeof out->host, &out->port, err);
    if (text.len > 0) skip(&text, 1);
    if (text.len >= sizeof out->others) return err_set(err, ERR_CONFIG, "Redis URL: too many hosts");
    memcpy(out->others, text.at, text.len);
    out->others[text.len] = '\0';
    while (rc == 0 && text.len > 0) {
        char host[sizeof out->host];
        int port = 6379;
        rc = read_host(cut(&text, ","), host, sizeof host, &port, err);
        if (text.len > 0) skip(&text, 1);
    }
    return rc;
}

/* All of them go to the Sentinels, with their ports. */
static int read_sentinels(struct url_slice text, struct redis_url *out, struct err *err)
{
    struct redis_sentinels *s = &out->sentinels;
    struct redis_address at;
    int count = 0;
    for (const char *rest = s->hosts; redis_sentinels_next(&rest, &at);) count++;
    do {
        size_t len = strlen(s->hosts);
        at.port = SENTINEL_PORT;
        int rc = read_host(cut(&text, ","), at.host, sizeof at.host, &at.port, err);
        if (rc) return rc;
        if (text.len > 0) skip(&text, 1);
        bool is_v6 = strchr(at.host, ':') != NULL;
        int n = snprintf(s->hosts + len, sizeof s->hosts - len, "%s%s%s%s:%d", len ? "," : "", is_v6 ? "[" : "",
                         at.host, is_v6 ? "]" : "", at.port);
        if (++count > REDIS_SENTINELS_MAX || len + (size_t)n >= sizeof s->hosts)
            return err_set(err, ERR_CONFIG, "Redis URL: too many Sentinels (%d at most, in %zu bytes)",
                           REDIS_SENTINELS_MAX, sizeof s->hosts - 1);
    } while (text.len > 0);
    return 0;
}

bool redis_sentinels_next(const char **list, struct redis_address *out)
{
    struct url_slice rest = {*list, strlen(*list)};
    if (rest.len == 0) return false;
    struct url_slice one = cut(&rest, ",");
    if (rest.len > 0) skip(&rest, 1);
    *list = rest.at;
    out->port = SENTINEL_PORT;
    return read_host(one, out->host, sizeof out->host, &out->port, NULL) == 0;
}

void redis_url_next(struct redis_url *url)
{
    char all[sizeof url->others + sizeof url->host + 16];
    if (!url->others[0]) return;
    bool is_v6 = strchr(url->host, ':') != NULL;
    snprintf(all, sizeof all, "%s,%s%s%s:%d", url->others, is_v6 ? "[" : "", url->host, is_v6 ? "]" : "", url->port);
    struct redis_url next = *url;
    if (read_hosts((struct url_slice){all, strlen(all)}, &next, NULL) == 0) *url = next;
}

bool redis_is_master_name(const char *text)
{
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr(".-_", *c)) return false;
    return text[0] != '\0';
}

/* The words that redis-py has for TLS; what we cannot do is refused rather than overlooked. */
static int read_tls_option(struct url_slice name, struct url_slice value, struct redis_url *out, struct err *err)
{
    const struct {
        const char *name;
        char *text;
        size_t size;
    } texts[] = {{"ssl_ca_certs", out->ca_file, sizeof out->ca_file},
                 {"ssl_certfile", out->cert_file, sizeof out->cert_file},
                 {"ssl_keyfile", out->key_file, sizeof out->key_file},
                 {"ssl_password", out->key_password, sizeof out->key_password}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!is_word(name, texts[i].name)) continue;
        if (decode(value, texts[i].text, texts[i].size)) return 0;
        return err_set(err, ERR_CONFIG, "Redis URL: %s is malformed or too long", texts[i].name);
    }
    if (is_word(name, "ssl_check_hostname")) {
        out->any_name = is_word(value, "false") || is_word(value, "0") || is_word(value, "no");
        if (out->any_name || is_word(value, "true") || is_word(value, "1") || is_word(value, "yes")) return 0;
        return err_set(err, ERR_CONFIG, "Redis URL: ssl_check_hostname must be true or false");
    }
    size_t word = 0; /* of what is no name nothing is shown: it may be part of a password */
    while (word < name.len && word < 24 && (isalpha((unsigned char)name.at[word]) || name.at[word] == '_')) word++;
    return err_set(err, ERR_CONFIG,
                   "Redis URL: %.*s is not supported; of TLS there are ssl_cert_reqs, ssl_ca_certs, ssl_certfile, "
                   "ssl_keyfile, ssl_password and ssl_check_hostname",
                   (int)(word == name.len ? word : 4), name.at);
}

/* What kombu has in its transport options. */
static int read_sentinel_option(struct url_slice name, struct url_slice value, struct redis_url *out, struct err *err)
{
    if (is_word(name, "sentinel_ssl")) {
        out->sentinels.is_tls = is_word(value, "true") || is_word(value, "1");
        if (out->sentinels.is_tls || is_word(value, "false") || is_word(value, "0")) return 0;
        return err_set(err, ERR_CONFIG, "Redis URL: sentinel_ssl must be true or false");
    }
    if (decode(value, out->sentinels.master, sizeof out->sentinels.master) &&
        redis_is_master_name(out->sentinels.master))
        return 0;
    return err_set(err, ERR_CONFIG, "Redis URL: master_name is made of letters, digits, \".\", \"-\" and \"_\"");
}

static int read_option(struct url_slice name, struct url_slice value, struct redis_url *out, struct err *err)
{
    if (is_word(name, "db") || is_word(name, "virtual_host")) {
        out->db = number(value, 1023);
        if (out->db < 0) return err_set(err, ERR_CONFIG, "Redis URL: db must be a number from 0 to 1023");
    } else if (is_word(name, "ssl_cert_reqs")) {
        if (is_word(value, "none") || is_word(value, "CERT_NONE"))
            out->is_unverified = true;
        else if (!is_word(value, "required") && !is_word(value, "optional") && !is_word(value, "CERT_REQUIRED") &&
                 !is_word(value, "CERT_OPTIONAL"))
            return err_set(err, ERR_CONFIG, "Redis URL: ssl_cert_reqs must be none, optional or required");
    } else if (out->sentinels.hosts[0] && (is_word(name, "master_name") || is_word(name, "sentinel_ssl"))) {
        return read_sentinel_option(name, value, out, err);
    } else if (name.len > 4 && strncasecmp(name.at, "ssl_", 4) == 0) {
        return read_tls_option(name, value, out, err);
    } else if (is_word(name, "password")) {
        if (!decode(value, out->password, sizeof out->password))
            return err_set(err, ERR_CONFIG, "Redis URL: the password is malformed or longer than 1024 bytes");
    } else if (is_word(name, "username")) {
        if (!decode(value, out->user, sizeof out->user))
            return err_set(err, ERR_CONFIG, "Redis URL: the user name is malformed or longer than 255 bytes");
    }
    return 0; /* other options belong to Python clients (socket_timeout ...) */
}

static int read_query(struct url_slice query, struct redis_url *out, struct err *err)
{
    while (query.len > 0) {
        struct url_slice pair = cut(&query, "&"), name = cut(&pair, "=");
        if (query.len > 0) skip(&query, 1);
        if (pair.len > 0) skip(&pair, 1);
        int rc = read_option(name, pair, out, err);
        if (rc) return rc;
    }
    return 0;
}

static int read_path(struct url_slice path, struct redis_url *out, struct err *err)
{
    if (out->transport == REDIS_UNIX) {
        if (!decode(path, out->path, sizeof out->path) || out->path[0] != '/')
            return err_set(err, ERR_CONFIG,
                           "Redis URL: expected unix:///absolute/path of the socket, at most %zu bytes",
                           sizeof out->path - 1);
        return 0;
    }
    for (int i = 0; i < 2 && path.len > 0 && *path.at == '/'; i++) skip(&path, 1); /* "//" as Celery's examples have */
    if (path.len == 0) return 0;
    out->db = number(path, 1023);
    if (out->db < 0) return err_set(err, ERR_CONFIG, "Redis URL: the path must be a database number from 0 to 1023");
    return 0;
}

/* Length of the credentials in front of the authority's last '@', or 0. */
static size_t credentials_length(struct url_slice authority, bool *found)
{
    for (size_t i = authority.len; i-- > 0;)
        if (authority.at[i] == '@') {
            *found = true;
            return i;
        }
    return 0;
}

/* One URL; hosts of Sentinels are added to those that are there. */
static int parse_one(struct url_slice rest, struct redis_url *out, struct err *err)
{
    const char *colon = memmem(rest.at, rest.len, "://", 3);
    size_t known = sizeof schemes / sizeof *schemes, i = 0;
    while (colon && i < known && !is_word((struct url_slice){rest.at, (size_t)(colon - rest.at)}, schemes[i].scheme))
        i++;
    if (!colon || i == known)
        return err_set(err, ERR_CONFIG,
                       "Redis URL: expected redis://host:port/db, rediss://host:port/db (TLS), unix:///path or "
                       "sentinel://host:port/db");
    bool is_sentinel = schemes[i].port == SENTINEL_PORT;
    out->transport = schemes[i].transport;
    out->sentinels.is_tls = is_sentinel && out->transport == REDIS_TLS;
    skip(&rest, (size_t)(colon - rest.at) + 3);

    struct url_slice authority = cut(&rest, "/?#"), credentials;
    bool has_credentials = false;
    credentials.at = authority.at;
    credentials.len = credentials_length(authority, &has_credentials);
    if (has_credentials) skip(&authority, credentials.len + 1);
    struct url_slice path = cut(&rest, "?#"), query = {rest.at, 0};
    if (rest.len > 0 && rest.at[0] == '?') {
        skip(&rest, 1);
        query = cut(&rest, "#");
    }
    int rc = has_credentials ? read_credentials(credentials, out, err) : 0;
    if (!rc && is_sentinel)
        rc = read_sentinels(authority, out, err);
    else if (!rc && out->transport != REDIS_UNIX)
        rc = read_hosts(authority, out, err);
    if (rc == 0) rc = read_path(path, out, err);
    if (rc == 0) rc = read_query(query, out, err);
    return rc;
}

/* Further Sentinels: what they say of the server again must be what the first says, since a Celery client takes it from
 * whichever URL it is at. What they leave out is the first's. */
static int parse_others(struct url_slice rest, struct redis_url *out, struct err *err)
{
    while (rest.len > 0) {
        struct url_slice text = cut(&rest, ";");
        if (rest.len > 0) skip(&rest, 1);
        if (text.len == 0) continue;
        struct redis_url one = *out;
        int rc = parse_one(text, &one, err);
        if (rc) return rc;
        if (one.host[0] || one.path[0] || one.transport != out->transport)
            return err_set(err, ERR_CONFIG,
                           "Redis URL: each Sentinel has a URL that begins as the first: sentinel://a;sentinel://b");
        if (one.db != out->db || strcmp(one.user, out->user) != 0 || strcmp(one.password, out->password) != 0 ||
            (out->sentinels.master[0] && strcmp(one.sentinels.master, out->sentinels.master) != 0))
            return err_set(
                err, ERR_CONFIG,
                "Redis URL: the Sentinels' URLs differ in user, password, database or master_name, which are "
                "the server's: write them into the first, and the same or nothing into the others");
        one.sentinels.is_tls = out->sentinels.is_tls;
        *out = one;
    }
    return 0;
}

int redis_url_parse(const char *text, struct redis_url *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    memcpy(out->fanout, "/{db}.", sizeof "/{db}.");
    memcpy(out->control, "celery", sizeof "celery");
    memcpy(out->events, "celeryev", sizeof "celeryev");
    struct url_slice rest = {text, strlen(text)}, first = rest;
    bool is_sentinel = strncasecmp(text, "sentinel://", 11) == 0 || strncasecmp(text, "sentinels://", 12) == 0;
    if (is_sentinel) first = cut(&rest, ";");
    int rc = parse_one(first, out, err);
    return rc == 0 && is_sentinel ? parse_others(rest, out, err) : rc;
}
