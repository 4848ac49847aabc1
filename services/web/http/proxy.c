/* See proxy.h. All lines of X-Forwarded-For are one list (RFC 9110, 5.3): a proxy adds to the end of it, in the same
 * line or in one of its own. It is walked from the end: the first address that is not itself a trusted proxy is the
 * client's, and what stands before it is the client's word and no more. */
#include "services/web/http/proxy.h"

#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "conf/text/address.h"
#include "conf/text/copy.h"
#include "services/web/http/server.h"

/* Walks one line from its end. True: the client was found, or what stands there is no address. */
static bool walk_line(struct req *r, const char *trusted, const char *line)
{
    for (const char *end = line + strlen(line);; end--) {
        const char *begin = end;
        while (begin > line && begin[-1] != ',') begin--;
        struct address a;
        bool is_empty = strspn(begin, " \t") >= (size_t)(end - begin);
        if (!is_empty) {
            if (!address_parse(begin, (size_t)(end - begin), &a)) return true;
            address_print(&a, r->address);
            if (!address_is_listed(trusted, &a)) return true;
        }
        if (begin == line) return false;
        end = begin;
    }
}

static void forwarded_for(struct req *r, const char *trusted)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(r->ev);
    for (const struct evkeyval *kv = TAILQ_LAST(headers, evkeyvalq); kv; kv = TAILQ_PREV(kv, evkeyvalq, next))
        if (strcasecmp(kv->key, "X-Forwarded-For") == 0 && walk_line(r, trusted, kv->value)) return;
}

/* The last element of the last line of this name: what the proxy next to us says. */
static char *last_element(struct req *r, const char *name)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(r->ev);
    for (const struct evkeyval *kv = TAILQ_LAST(headers, evkeyvalq); kv; kv = TAILQ_PREV(kv, evkeyvalq, next)) {
        if (strcasecmp(kv->key, name) != 0) continue;
        const char *comma = strrchr(kv->value, ','), *text = comma ? comma + 1 : kv->value;
        text += strspn(text, " \t");
        char *out = req_strdup(r, text);
        out[strcspn(out, " \t")] = 0;
        return out;
    }
    return NULL;
}

void proxy_read(struct req *r)
{
    const char *trusted = conf_str(r->web->conf, SET_HTTP_TRUSTED_PROXIES), *host = req_header(r, "Host"), *text;
    const struct address *a = server_client(r, &text);
    r->host = host ? host : "";
    text_copy(r->address, sizeof r->address, a ? text : "unix");
    if (!a) return;
    if (!*trusted || !address_is_listed(trusted, a)) return;
    forwarded_for(r, trusted);
    const char *scheme = last_element(r, "X-Forwarded-Proto"), *name = last_element(r, "X-Forwarded-Host");
    r->is_https = scheme && strcasecmp(scheme, "https") == 0;
    if (name && *name) r->host = name;
}
