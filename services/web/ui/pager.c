/* See pager.h. A trail is cursors with TRAIL_BETWEEN in between, the first page's being TRAIL_FIRST; one that has
 * become too long has lost its beginning, and then leads back as far as it reaches. */
#include "services/web/ui/pager.h"

#include <stdlib.h>
#include <string.h>
#include <event2/http.h>

#include "conf/text/buf.h"

#define TRAIL         "trail"
#define TRAIL_FIRST   "-"
#define TRAIL_BETWEEN '!'
#define TRAIL_MAX     1500 /* bytes; less than what the routes take */

static void add_argument(struct buf *out, const char *name, const char *text, size_t len)
{
    char *encoded = evhttp_uriencode(text, (ev_ssize_t)len, false);
    buf_printf(out, "%s=%s&", name, encoded ? encoded : "");
    free(encoded);
}

static void put(cJSON *pager, const char *key, struct buf *query)
{
    if (!query->failed) cJSON_AddStringToObject(pager, key, query->data);
    buf_free(query);
}

/* This page becomes the last one of the trail. */
static void add_older(cJSON *pager, const struct pager *p, const char *cursor, const char *trail)
{
    struct buf out = {0}, longer = {0};
    buf_printf(&longer, "%s%s%s", trail, *trail ? "!" : "", *cursor ? cursor : TRAIL_FIRST);
    const char *rest = longer.failed ? "" : longer.data, *cut;
    while (strlen(rest) > TRAIL_MAX && (cut = strchr(rest, TRAIL_BETWEEN)) != NULL) rest = cut + 1;
    buf_printf(&out, "?%s", p->query);
    add_argument(&out, p->name, p->next, strlen(p->next));
    /* A page that somebody came to without a trail leads back to none. */
    if (*trail || !*cursor) add_argument(&out, TRAIL, rest, strlen(rest));
    put(pager, "older", &out);
    buf_free(&longer);
}

static void add_newer(cJSON *pager, const struct pager *p, const char *trail)
{
    struct buf out = {0};
    const char *between = strrchr(trail, TRAIL_BETWEEN), *last = between ? between + 1 : trail;
    buf_printf(&out, "?%s", p->query);
    if (strcmp(last, TRAIL_FIRST) != 0) add_argument(&out, p->name, last, strlen(last));
    if (between) add_argument(&out, TRAIL, trail, (size_t)(between - trail));
    put(pager, "newer", &out);
}

static void add_newest(cJSON *pager, const char *query)
{
    struct buf out = {0};
    buf_printf(&out, "?%s", query);
    put(pager, "newest", &out);
}

void pager_add(cJSON *to, const struct req *r, const struct pager *p)
{
    const char *cursor = req_arg(r, p->name), *trail = req_arg(r, TRAIL);
    cJSON *pager = cJSON_AddObjectToObject(to, "pager");
    if (!cursor) cursor = "";
    if (!trail || !*cursor) trail = "";
    if (*cursor && strcmp(trail, TRAIL_FIRST) != 0) add_newest(pager, p->query);
    if (*trail) add_newer(pager, p, trail);
    if (p->next && *p->next) add_older(pager, p, cursor, trail);
    cJSON_AddStringToObject(pager, "at", p->at);
}
