/* Reading DATABASE_URL: see database_url.h. libpq ends the credentials at the first '@' that no '/' precedes. */
#include "services/store/db/database_url.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An '@' in the query is somebody's name ("?user=me@azure"), or a password's: only without credentials the first. */
static bool is_misread_query(const char *query, bool has_credentials)
{
    for (const char *at = strchr(query, '@'); at; at = strchr(at + 1, '@')) {
        const char *name = at;
        while (name > query && name[-1] != '&' && name[-1] != '?') name--;
        if (has_credentials || (strncmp(name, "user=", 5) != 0 && strncmp(name, "password=", 9) != 0)) return true;
    }
    return false;
}

/* An '@' that ends no credentials, or a colon without a port: a '/' or '@' of the password was not percent-encoded. */
static bool is_misread(const char *url)
{
    const char *authority = strstr(url, "://");
    if (!authority) return true;
    authority += 3;
    size_t to_slash = strcspn(authority, "/"), to_at = strcspn(authority, "@");
    bool has_credentials = to_at < to_slash;
    const char *hosts = authority + (has_credentials ? to_at + 1 : 0);
    size_t len = strcspn(hosts, "/?"), to_query = strcspn(hosts, "?");
    for (size_t i = 0; i < len; i++)
        if (hosts[i] == ':' && (i + 1 == len || hosts[i + 1] == ',')) return true;
    return memchr(hosts, '@', to_query) || is_misread_query(hosts + to_query, has_credentials);
}

/* One number, or several with commas between them, as many as there are hosts. */
static bool are_ports(const char *text)
{
    while (*text) {
        char *end;
        long port = strtol(text, &end, 10);
        if (*text < '0' || *text > '9' || port < 1 || port > 65535 || (*end && *end != ',')) return false;
        text = end + (*end == ',');
    }
    return true;
}

static bool are_plain(const PQconninfoOption *options)
{
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        if (o->val && strcmp(o->keyword, "port") == 0 && !are_ports(o->val)) return false;
        if (o->val && strcmp(o->keyword, "dbname") == 0 && strchr(o->val, '/')) return false;
    }
    return true;
}

static bool is_known(const PQconninfoOption *all, const char *name, size_t len)
{
    if (len == 3 && strncmp(name, "ssl", 3) == 0) return true;
    for (; all && all->keyword; all++)
        if (strlen(all->keyword) == len && strncmp(all->keyword, name, len) == 0) return true;
    return false;
}

/* The first word of the query that libpq does not know; words of other libraries, never a piece of a password. */
static bool find_unknown(const char *url, char *out, size_t size)
{
    PQconninfoOption *all = PQconndefaults();
    const char *at = strchr(url, '?');
    bool is_found = false, is_clear = at && !strchr(at, '@');
    while (all && is_clear && at && !is_found) {
        size_t len = strspn(++at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        is_found = len > 0 && len < size && at[len] == '=' && !is_known(all, at, len);
        if (is_found) snprintf(out, size, "%.*s", (int)len, at);
        at = strchr(at, '&');
    }
    PQconninfoFree(all);
    return is_found;
}

PQconninfoOption *database_url_parse(const char *url, struct err *err)
{
    char *why = NULL;
    if (!*url) return err_set(err, ERR_CONFIG, "DATABASE_URL is not set"), NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);
    PQfreemem(why); /* may quote a piece of the password */
    if (options && !is_misread(url) && are_plain(options)) return options;
    char word[40];
    bool is_unknown = !options && !is_misread(url) && find_unknown(url, word, sizeof word);
    PQconninfoFree(options);
    if (is_unknown)
        return err_set(err, ERR_CONFIG,
                       "DATABASE_URL holds %s=, which PostgreSQL's library does not know: take it out (a pooler is "
                       "found by itself, a schema is DB_SCHEMA)",
                       word),
               NULL;
    err_set(
        err, ERR_CONFIG,
        "DATABASE_URL is malformed: expected postgresql://user:password@host:port/database, with what is special in "
        "the password percent-encoded");
    return NULL;
}
