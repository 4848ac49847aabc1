/* Reads everything by turns, as everybody. An answer must be whole: JSON, with as many rows as it says; and one that is
 * said to be unchanged must have been seen before. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/load/client.h"

static const struct page {
    const char *path;
    enum access access;
    const char *rows; /* member that holds as many as `count` says; NULL = not a list */
} pages[] = {{"/health", FOR_ALL, NULL},
             {"/api/v1/health", FOR_ALL, NULL},
             {"/api/v1/health/ready", FOR_ALL, NULL},
             {"/metrics", FOR_ADMINS, NULL},
             {"/api/v1/directories/cached", FOR_CLIENTS, "data"},
             {"/api/v1/projects/cached", FOR_CLIENTS, "data"},
             {"/api/v1/phases/cached", FOR_CLIENTS, "data"},
             {"/api/v1/elevations/cached?limit=20", FOR_CLIENTS, "data"},
             {"/api/v1/elevations/cached", FOR_CLIENTS, "data"},
             {"/api/v1/odoo/projects", FOR_CLIENTS, "projects"},
             {"/api/v1/elevations/enrichment/status", FOR_CLIENTS, NULL},
             {"/api/v1/sync-status/summary", FOR_CLIENTS, NULL},
             {"/api/v1/admin/sync-intervals/", FOR_ADMINS, NULL},
             {"/api/v1/scheduler/status", FOR_ADMINS, NULL},
             {"/ui/", FOR_ADMINS, NULL},
             {"/ui/browse", FOR_ADMINS, NULL},
             {"/ui/tasks", FOR_ADMINS, NULL},
             {"/ui/system", FOR_ADMINS, NULL}};
enum { PAGES = sizeof pages / sizeof *pages };

static char etags[PAGES][100]; /* of what the client saw last */

static void etag_take(size_t i, const char *headers)
{
    const char *at = headers;
    while (at && strncasecmp(at, "etag:", 5) != 0) at = (at = strchr(at, '\n')) ? at + 1 : NULL;
    etags[i][0] = 0;
    if (!at) return;
    at += 5 + strspn(at + 5, " ");
    size_t len = strcspn(at, "\r\n");
    if (len < sizeof etags[i]) snprintf(etags[i], len + 1, "%s", at);
}

static void check_whole(struct load_client *c, const struct page *page, const char *body)
{
    if (body[0] != '{' && body[0] != '[') return;
    cJSON *json = cJSON_Parse(body);
    if (!json) {
        client_complain(c, "%s is not JSON: %.200s", page->path, body);
        return;
    }
    const cJSON *rows = page->rows ? cJSON_GetObjectItemCaseSensitive(json, page->rows) : NULL;
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(json, "count");
    if (page->rows && (!cJSON_IsArray(rows) || !cJSON_IsNumber(count) || cJSON_GetArraySize(rows) != count->valueint))
        client_complain(c, "%s has %d rows and says %d", page->path, cJSON_GetArraySize(rows),
                        count ? count->valueint : -1);
    cJSON_Delete(json);
}

int reader_run(struct load_client *c)
{
    for (; !client_is_over(c); client_pause(c)) {
        size_t i = client_random(c, PAGES);
        enum who who = (enum who)client_random(c, 3);
        bool asks_again = who == CLIENT && etags[i][0] && client_random(c, 2);
        struct call call = {.method = "GET",
                            .path = pages[i].path,
                            .access = pages[i].access,
                            .who = who,
                            .if_none_match = asks_again ? etags[i] : NULL};
        struct http_reply reply = client_call(c, &call);
        if (reply.status == 200) check_whole(c, &pages[i], reply.body);
        if (reply.status == 200 && who == CLIENT) etag_take(i, reply.headers);
        http_reply_free(&reply);
    }
    return 0;
}
