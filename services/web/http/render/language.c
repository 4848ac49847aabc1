/* The language of a page: what ?lang= says, which is remembered in a cookie; else that cookie; else what the browser
 * prefers (Accept-Language); else English. See language.h. */
#include "services/web/http/render/language.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "services/web/http/render/phrase.h"
#include "services/web/http/reply.h"
#include "services/web/http/render/template.h"

#define COOKIE         "logikald_language"
#define COOKIE_SECONDS "31536000"

/* "de-AT;q=0.8" is German, by 0.8; name gets "de". */
static double weight_of(const char *entry, size_t len, char name[LANGUAGE_SIZE])
{
    size_t tag = strcspn(entry, "-; \t,");
    name[0] = 0;
    if (tag != 2) return 0;
    for (int i = 0; i < 2; i++) name[i] = (char)(entry[i] | 0x20);
    name[2] = 0;
    const char *q = memmem(entry, len, "q=", 2);
    return q ? strtod(q + 2, NULL) : 1;
}

bool language_preferred(const char *accept_language, char best[LANGUAGE_SIZE])
{
    char name[LANGUAGE_SIZE];
    double most = 0;
    for (const char *p = accept_language; p && *p; p += strcspn(p, ","), p += *p == ',') {
        p += strspn(p, " \t");
        double weight = weight_of(p, strcspn(p, ","), name);
        if (!(weight > most) || !phrase_knows(name)) continue;
        most = weight;
        memcpy(best, name, LANGUAGE_SIZE);
    }
    return most > 0;
}

/* What somebody chose by a link, or NULL. */
static const char *asked(const struct req *r)
{
    const char *name = evhttp_find_header(&r->query, "lang");
    return name && strlen(name) == 2 && phrase_knows(name) ? name : NULL;
}

const char *language_of(struct req *r)
{
    char name[LANGUAGE_SIZE];
    const char *chosen = asked(r);
    if (chosen) return chosen;
    bool is_known = req_cookie(r, COOKIE, name, sizeof name) && strlen(name) == 2 && phrase_knows(name);
    if (!is_known) is_known = language_preferred(req_header(r, "Accept-Language"), name);
    return is_known ? req_strdup(r, name) : PHRASE_ENGLISH;
}

/* The query of the page without its language, to be followed by another. */
static void add_query(cJSON *data, const struct req *r)
{
    struct buf query = {0};
    for (const char *p = r->raw_query; *p; p += strcspn(p, "&"), p += *p == '&') {
        size_t len = strcspn(p, "&");
        if (len == 0 || strncmp(p, "lang=", 5) == 0) continue;
        buf_add(&query, p, len);
        buf_char(&query, '&');
    }
    cJSON_AddStringToObject(data, "language_query", query.data && !query.failed ? query.data : "");
    buf_free(&query);
}

int language_render(struct req *r, struct buf *out, const char *template, cJSON *data, struct err *err)
{
    const char *chosen = asked(r), *language = language_of(r);
    if (chosen)
        reply_header_default(r, "Set-Cookie",
                             req_printf(r, COOKIE "=%s; Path=/; SameSite=Lax; Max-Age=" COOKIE_SECONDS "%s", chosen,
                                        r->is_https ? "; Secure" : ""));
    reply_header_default(r, "Content-Language", language);
    reply_header_default(r, "Vary", "Accept-Language, Cookie, Accept-Encoding");
    add_query(data, r);
    cJSON_AddStringToObject(data, "lang", language);
    return ui_template_render(out, language, template, data, err);
}
