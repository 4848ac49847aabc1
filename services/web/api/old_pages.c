/* Addresses of the replaced system's pages lead to the pages of today, with their query. */
#include <string.h>

#include "services/web/gate/handlers.h"
#include "services/web/gate/route.h"
#include "services/web/http/reply.h"

void web_old_page(struct req *r)
{
    static const char *const moved[][2] = {
        {"/admin/login", "/ui/login"},           {"/admin/elevations", "/ui/browse"},
        {"/admin/sync-logs", "/ui/sync-logs"},   {"/admin/sync-intervals", "/ui/sync-intervals"},
        {"/admin/parsing-queue", "/ui/tasks"},   {"/admin/clients", "/ui/clients"},
        {"/admin/parsing-status", "/ui/browse"}, {"/admin/stats", "/ui/system"}};
    const char *to = "/ui", *elevation = req_arg(r, "elevation_id");
    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++)
        if (strcmp(r->route->path, moved[i][0]) == 0) to = moved[i][1];
    reply_redirect(r, elevation ? req_printf(r, "/ui/browse/elevations/%s", elevation) : req_with_query(r, to));
}
