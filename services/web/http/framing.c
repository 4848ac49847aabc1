/* See framing.h. evhttp takes the first of several headers, numbers with a sign, and names with a blank at their end.
 */
#include "services/web/http/framing.h"

#include <string.h>
#include <strings.h>
#include <sys/queue.h>

static bool is_number(const char *text)
{
    size_t len = strspn(text, "0123456789");
    return len > 0 && text[len] == '\0';
}

static bool may_have_body(enum evhttp_cmd_type method)
{
    return method == EVHTTP_REQ_GET || method == EVHTTP_REQ_POST || method == EVHTTP_REQ_PUT ||
           method == EVHTTP_REQ_DELETE || method == EVHTTP_REQ_PATCH || method == EVHTTP_REQ_OPTIONS;
}

bool framing_is_sound(enum evhttp_cmd_type method, const struct evkeyvalq *headers, bool needs_host)
{
    int lengths = 0, codings = 0, hosts = 0;
    bool has_body = false;
    for (const struct evkeyval *kv = headers->tqh_first; kv; kv = kv->next.tqe_next) {
        if (!*kv->key || strpbrk(kv->key, " \t\v\f\r\n")) return false;
        hosts += strcasecmp(kv->key, "Host") == 0;
        if (strcasecmp(kv->key, "Content-Length") == 0) {
            lengths++;
            if (!is_number(kv->value)) return false;
            has_body = has_body || strspn(kv->value, "0") < strlen(kv->value);
        }
        if (strcasecmp(kv->key, "Transfer-Encoding") == 0) {
            codings++;
            has_body = true;
            if (strcasecmp(kv->value, "chunked") != 0) return false;
        }
    }
    if (has_body && !may_have_body(method)) return false;
    return lengths + codings <= 1 && hosts <= 1 && (hosts == 1 || !needs_host);
}
