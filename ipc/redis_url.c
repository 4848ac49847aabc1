/* Reading Redis URLs: see redis_url.h. The text is cut from the left: scheme, credentials (up to the last '@' before
 * the path), host and port, path, query. Faults never quote what stands before the '@'. */
#include "ipc/redis_url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct url_slice {
    const char *at;
    size_t len;
};

static const struct {
    const char *scheme;
    enum redis_transport transport;
} schemes[] = {
    {"redis", REDIS_TCP}, {"valkey", REDIS_TCP},        {"rediss", REDIS_TLS},      {"valkeys", REDIS_TLS},
    {"unix", REDIS_UNIX}, {"redis+socket", REDIS_UNIX}, {"redis+unix", REDIS_UNIX},
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
        if ((unsigned char)*c <= ' ' || strchr("${}<>[]@/?#%,\"\\", *c))
            return err_set(err, ERR_CONFIG, /* it may be a part of the password, so it is not quoted */
                           "Redis URL: the host holds a character that no host name has (percent-encode what is "
                           "special in a password)");
    *out_port = 6379;
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
    int rc = read_host(first, out->host, sizeof out->host, &out->port, err);
    if (text.len > 0) skip(&text, 1);
    if (text.len >= sizeof out->others) return err_set(err, ERR_CONFIG, "Redis URL: too many hosts");
    memcpy(out->others, text.at, text.len);
    out->others[text.len] = '\0';
    while (rc == 0 && text.len > 0) {
        char host[sizeof out->host];
        int port;
        rc = read_host(cut(&text, ","), host, sizeof host, &port, err);
        if (text.len > 0) skip(&text, 1);
    }
    return rc;
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
    if (path.len <= 1) return 0;
    skip(&path, 1);
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

int redis_url_parse(const char *text, struct redis_url *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    memcpy(out->fanout, "/{db}.", sizeof "/{db}.");
    memcpy(out->control, "celery", sizeof "celery");
    memcpy(out->events, "celeryev", sizeof "celeryev");
    struct url_slice rest = {text, strlen(text)};
    const char *colon = strstr(text, "://");
    size_t known = sizeof schemes / sizeof *schemes, i = 0;
    while (colon && i < known && !is_word((struct url_slice){text, (size_t)(colon - text)}, schemes[i].scheme)) i++;
    if (!colon || i == known)
        return err_set(err, ERR_CONFIG,
                       "Redis URL: expected redis://host:port/db, rediss://host:port/db (TLS) or unix:///path");
    out->transport = schemes[i].transport;
    skip(&rest, (size_t)(colon - text) + 3);

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
    if (!rc && out->transport != REDIS_UNIX) rc = read_hosts(authority, out, err);
    if (rc == 0) rc = read_path(path, out, err);
    if (rc == 0) rc = read_query(query, out, err);
    return rc;
}

int redis_url_from_conf(const struct conf *conf, struct redis_url *out, struct err *err)
{
    if (conf_is_set(conf, SET_REDIS_URL)) {
        int rc = redis_url_parse(conf_str(conf, SET_REDIS_URL), out, err);
        if (rc) {
            err_prefix(err, "REDIS_URL");
            return rc;
        }
    } else if (conf_is_set(conf, SET_REDIS_HOST)) {
        memset(out, 0, sizeof *out);
        out->transport = REDIS_TCP;
        snprintf(out->host, sizeof out->host, "%s", conf_str(conf, SET_REDIS_HOST));
        snprintf(out->password, sizeof out->password, "%s", conf_str(conf, SET_REDIS_PASSWORD));
        out->port = (int)conf_int(conf, SET_REDIS_PORT);
        out->db = (int)conf_int(conf, SET_REDIS_DB);
    } else {
        return err_set(err, ERR_NOT_FOUND,
                       "Redis is not configured: set REDIS_URL (redis://, rediss:// or unix://), or REDIS_HOST");
    }
    snprintf(out->fanout, sizeof out->fanout, "%s", conf_str(conf, SET_REDIS_FANOUT));
    snprintf(out->control, sizeof out->control, "%s", conf_str(conf, SET_REDIS_CONTROL));
    snprintf(out->events, sizeof out->events, "%s", conf_str(conf, SET_REDIS_EVENTS));
    snprintf(out->prefix, sizeof out->prefix, "%s", conf_str(conf, SET_REDIS_PREFIX));
    snprintf(out->result_prefix, sizeof out->result_prefix, "%s", conf_str(conf, SET_REDIS_RESULT_PREFIX));
    if (conf_is_set(conf, SET_REDIS_CA_FILE))
        snprintf(out->ca_file, sizeof out->ca_file, "%s", conf_str(conf, SET_REDIS_CA_FILE));
    if (conf_is_set(conf, SET_REDIS_CERT_FILE))
        snprintf(out->cert_file, sizeof out->cert_file, "%s", conf_str(conf, SET_REDIS_CERT_FILE));
    if (conf_is_set(conf, SET_REDIS_KEY_FILE))
        snprintf(out->key_file, sizeof out->key_file, "%s", conf_str(conf, SET_REDIS_KEY_FILE));
    return 0;
}

const char *redis_url_shown(const struct redis_url *url, char *out, unsigned size)
{
    const char *scheme = url->transport == REDIS_TLS ? "rediss" : "redis";
    if (url->transport == REDIS_UNIX)
        snprintf(out, size, "unix://%s?db=%d", url->path, url->db);
    else if (strchr(url->host, ':'))
        snprintf(out, size, "%s://[%s]:%d/%d", scheme, url->host, url->port, url->db);
    else
        snprintf(out, size, "%s://%s:%d/%d", scheme, url->host, url->port, url->db);
    return out;
}
