/* Where Redis is by the settings, how many places that may be, and how it is shown: see redis_url.h. */
#include <stdio.h>
#include <string.h>

#include "ipc/redis/redis_url.h"

#define SENTINEL_TRIES 4 /* one of them may lag behind, another tell what is wrong */

int redis_url_places(const struct redis_url *url)
{
    int places = 1;
    for (const char *c = url->others; *c; c++) places += *c == ',';
    return url->sentinels.hosts[0] ? SENTINEL_TRIES : places + (url->others[0] != 0);
}

static int sentinels_from_conf(const struct conf *conf, struct redis_sentinels *s, struct err *err)
{
    if (!s->hosts[0]) return 0;
    if (!s->master[0]) snprintf(s->master, sizeof s->master, "%s", conf_str(conf, SET_REDIS_MASTER));
    if (!redis_is_master_name(s->master))
        return err_set(err, ERR_CONFIG,
                       "REDIS_MASTER_NAME must say what the Sentinels call the server (letters, digits, \".\", \"-\", "
                       "\"_\"), for instance mymaster");
    snprintf(s->user, sizeof s->user, "%s", conf_str(conf, SET_REDIS_SENTINEL_USER));
    snprintf(s->password, sizeof s->password, "%s", conf_str(conf, SET_REDIS_SENTINEL_PASSWORD));
    return 0;
}

int redis_url_from_conf(const struct conf *conf, struct redis_url *out, struct err *err)
{
    if (conf_is_set(conf, SET_REDIS_URL)) {
        int rc = redis_url_parse(conf_str(conf, SET_REDIS_URL), out, err);
        if (rc) {
            err_prefix(err, "REDIS_URL");
            return rc;
        }
        rc = sentinels_from_conf(conf, &out->sentinels, err);
        if (rc) return rc;
    } else if (conf_is_set(conf, SET_REDIS_HOST)) {
        memset(out, 0, sizeof *out);
        out->transport = REDIS_TCP;
        snprintf(out->host, sizeof out->host, "%s", conf_str(conf, SET_REDIS_HOST));
        snprintf(out->password, sizeof out->password, "%s", conf_str(conf, SET_REDIS_PASSWORD));
        out->port = (int)conf_int(conf, SET_REDIS_PORT);
        out->db = (int)conf_int(conf, SET_REDIS_DB);
    } else {
        return err_set(
            err, ERR_NOT_FOUND,
            "Redis is not configured: set REDIS_URL (redis://, rediss://, unix:// or sentinel://), or REDIS_HOST");
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

/* The path of a socket, as it may stand in a URL: what would end or change it there is encoded. */
static void show_path(const char *path, char *out, size_t size)
{
    size_t used = 0;
    for (const unsigned char *c = (const unsigned char *)path; *c && used + 4 < size; c++) {
        bool is_plain = *c > ' ' && *c < 0x7f && !strchr("%?#@", *c);
        used += (size_t)snprintf(out + used, size - used, is_plain ? "%c" : "%%%02X", *c);
    }
    out[used] = 0;
}

const char *redis_url_shown(const struct redis_url *url, char *out, unsigned size)
{
    const char *scheme = url->transport == REDIS_TLS ? "rediss" : "redis";
    char path[3 * sizeof url->path + 4];
    show_path(url->path, path, sizeof path);
    if (url->sentinels.hosts[0])
        snprintf(out, size, "sentinel%s://%s/%d%s%s", url->transport == REDIS_TLS ? "s" : "", url->sentinels.hosts,
                 url->db, url->sentinels.master[0] ? "?master_name=" : "", url->sentinels.master);
    else if (url->transport == REDIS_UNIX)
        snprintf(out, size, "unix://%s?db=%d", path, url->db);
    else if (strchr(url->host, ':'))
        snprintf(out, size, "%s://[%s]:%d/%d", scheme, url->host, url->port, url->db);
    else
        snprintf(out, size, "%s://%s:%d/%d", scheme, url->host, url->port, url->db);
    return out;
}
