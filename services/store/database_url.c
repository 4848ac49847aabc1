/* Reading DATABASE_URL: see database_url.h. libpq ends the credentials at the first '@' that no '/' precedes. */
#include "services/store/database_url.h"

#include <stdbool.h>
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

PQconninfoOption *database_url_parse(const char *url, struct err *err)
{
    char *why = NULL;
    if (!*url) return err_set(err, ERR_CONFIG, "DATABASE_URL is not set"), NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);
    PQfreemem(why); /* may quote a piece of the password */
    if (options && !is_misread(url) && are_plain(options)) return options;
    PQconninfoFree(options);
    err_set(
        err, ERR_CONFIG,
        "DATABASE_URL is malformed: expected postgresql://user:password@host:port/database, with what is special in "
        "the password percent-encoded");
    return NULL;
}
