/* Parameters and members that are not known are ignored, but for those that ask for a dry run. */
#include "services/web/gate/dry_run.h"

#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <cjson/cJSON.h>
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

#include "services/tasks/dry_run_name.h"
#include "services/web/gate/route.h"
#include "services/web/http/reply.h"

#define NAME "dry_run"

static bool is_taken(const struct req *r)
{
    return strstr(r->route->query, NAME "?:") != NULL;
}

static bool refuse(struct req *r, const char *where, const char *name)
{
    reply_invalid(r, where, name, "not_supported",
                  is_taken(r) ? "A dry run is asked for by ?dry_run=true: nothing was done"
                              : "This cannot be previewed: nothing was done");
    return false;
}

/* Of an operation that takes no body nothing is read but this. */
static const char *member_of_unread(struct req *r)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(r->ev);
    size_t len = evbuffer_get_length(input);
    char *text = req_alloc(r, len + 1);
    evbuffer_copyout(input, text, len);
    cJSON *body = cJSON_Parse(text);
    const char *name = dry_run_member(body), *kept = name ? req_strdup(r, name) : NULL;
    cJSON_Delete(body);
    return kept;
}

bool dry_run_check(struct req *r)
{
    if (r->route->method == EVHTTP_REQ_GET) return true;
    for (const struct evkeyval *kv = r->query.tqh_first; kv; kv = kv->next.tqe_next)
        if (dry_run_is_meant(kv->key) && !(is_taken(r) && strcasecmp(kv->key, NAME) == 0))
            return refuse(r, "query", kv->key);
    const char *member = *r->route->body ? dry_run_member(r->body) : member_of_unread(r);
    return member ? refuse(r, "body", member) : true;
}
