/* Has the client already what would be made of parts lists? See parts_mark.h. */
#include "services/web/api/parts/parts_mark.h"

#include <string.h>
#include <sodium.h>

#include "conf/version.h"
#include "services/web/http/accept.h"
#include "services/web/http/reply.h"

static void add(crypto_generichash_state *state, const char *text)
{
    if (text) crypto_generichash_update(state, (const unsigned char *)text, strlen(text));
    crypto_generichash_update(state, (const unsigned char *)"", 1);
}

bool parts_unchanged(struct req *r, const char *mark)
{
    static const char *const forms[] = {[FORM_JSON] = "json", [FORM_LINES] = "lines", [FORM_CSV] = "csv"};
    crypto_generichash_state state;
    unsigned char hash[16];
    char etag[33];
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    add(&state, version_text);
    add(&state, r->path);
    add(&state, r->raw_query);
    add(&state, forms[accept_form(r)]);
    add(&state, mark);
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(etag, sizeof etag, hash, sizeof hash);
    reply_header_default(r, "Vary", "Accept, Accept-Encoding");
    return reply_unchanged_weak(r, etag);
}

struct asked_mark {
    const char *not_found;
    void (*go)(struct req *r);
};

static void then_mark(struct req *r, const PGresult *result, void *arg)
{
    const struct asked_mark *a = arg;
    if (PQntuples(result) == 0)
        reply_detail(r, 404, "%s", a->not_found);
    else if (!parts_unchanged(r, PQgetvalue(result, 0, 0)))
        a->go(r);
}

void parts_unless_unchanged(struct req *r, const struct query *mark, const char *not_found, void (*go)(struct req *r))
{
    struct asked_mark *a = req_alloc(r, sizeof *a);
    *a = (struct asked_mark){not_found, go};
    req_query_with(r, mark, 1, (const char *[]){req_param(r, 0)}, then_mark, a);
}

static void then_marked(struct req *r, const PGresult *result, void *not_found)
{
    if (PQntuples(result) == 0)
        reply_detail(r, 404, "%s", (const char *)not_found);
    else if (!parts_unchanged(r, PQgetvalue(result, 0, 1)))
        reply_json(r, 200, PQgetvalue(result, 0, 0));
}

void parts_reply_marked(struct req *r, const struct query *query, int n, const char *const *values,
                        const char *not_found)
{
    req_query_with(r, query, n, values, then_marked, (void *)not_found);
}
