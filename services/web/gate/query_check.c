/* See query_check.h. Most requests come without a query: for those what the schema says of absent parameters is read
 * once for each route. */
#include "services/web/gate/query_check.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "conf/log.h"
#include "services/web/gate/route.h"
#include "services/web/http/reply.h"
#include "services/web/http/schema/schema.h"

/* Of a route's parameters when they are left out. */
struct absent {
    bool is_read, is_any_needed;
    const struct req_default *defaults;
};

struct kept_default {
    struct req_default is;
    char name[sizeof(struct schema_member){0}.name], value[sizeof(struct schema_member){0}.fallback];
};

static void keep_default(struct absent *a, const struct schema_member *m)
{
    struct kept_default *kept = malloc(sizeof *kept);
    if (!kept) {
        log_critical("no memory for what a request leaves out");
        abort();
    }
    memcpy(kept->name, m->name, sizeof kept->name);
    memcpy(kept->value, m->fallback, sizeof kept->value);
    kept->is = (struct req_default){a->defaults, kept->name, kept->value};
    a->defaults = &kept->is;
}

static const struct absent *absent_of(const struct route *t)
{
    static struct absent *all;
    if (!all && !(all = calloc((size_t)routes_count, sizeof *all))) {
        log_critical("no memory for what requests leave out");
        abort();
    }
    struct absent *a = &all[t - routes];
    struct schema_member m;
    for (const char *at = NULL; !a->is_read && schema_next(t->query, &at, &m);) {
        a->is_any_needed = a->is_any_needed || !m.is_optional;
        if (m.fallback[0]) keep_default(a, &m);
    }
    a->is_read = true;
    return a;
}

/* Which of two values is meant nobody can tell, and whoever gives a list so would get a part of it. */
static bool has_two_values(const struct req *r, const char *name, const char *first)
{
    for (const struct evkeyval *kv = r->query.tqh_first; kv; kv = kv->next.tqe_next)
        if (strcasecmp(kv->key, name) == 0 && strcmp(kv->value, first) != 0) return true;
    return false;
}

static bool refuse(struct req *r, const char *name, const char *type, const char *text)
{
    reply_invalid(r, "query", name, type, text);
    return false;
}

static bool is_right(struct req *r, const struct schema_member *m)
{
    struct schema_fault fault;
    const char *text = evhttp_find_header(&r->query, m->name);
    if (text && !*text && m->is_optional && r->route->access == ACCESS_PAGE) {
        evhttp_remove_header(&r->query, m->name); /* a form sends also what was not filled in */
        text = NULL;
    }
    if (!text) return m->is_optional || refuse(r, m->name, "missing", "Field required");
    if (has_two_values(r, m->name, text))
        return refuse(r, m->name, "repeated",
                      "It stands there with two values: give it once, a list split by commas where it takes one");
    return schema_check_text(r->route->query, m->name, text, &fault) == 0 || refuse(r, m->name, fault.type, fault.msg);
}

bool query_check(struct req *r)
{
    const struct absent *absent = absent_of(r->route);
    struct schema_member m;
    r->defaults = absent->defaults;
    if (TAILQ_EMPTY(&r->query) && !absent->is_any_needed) return true;
    for (const char *at = NULL; schema_next(r->route->query, &at, &m);)
        if (!is_right(r, &m)) return false;
    return true;
}
