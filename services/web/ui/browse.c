/* Looking around in what is stored: directories and their projects, projects, elevations. */
#include <stdlib.h>
#include <string.h>

#include "conf/text/json.h"
#include "services/store/ui/ui_bill.h"
#include "services/store/ui/ui_browse.h"
#include "services/store/ui/ui_versions.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/ui/find.h"
#include "services/web/ui/page.h"

static void count_rest(struct ui_page *p)
{
    cJSON *tree = cJSON_GetObjectItemCaseSensitive(ui_page_data(p), "tree");
    double rest =
        json_number(tree, "in_all", 0) - cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(tree, "projects"));
    if (rest > 0) cJSON_AddNumberToObject(tree, "rest", rest);
}

void web_ui_browse(struct req *r)
{
    static const struct ui_look look = {"browse", "browse", "Browse", "objects"};
    const char *directory = req_arg(r, "directory");
    if (ui_find_is_asked(r)) {
        ui_find_show(r);
        return;
    }
    if (directory && (strspn(directory, "0123456789") != strlen(directory) || strlen(directory) > 9)) {
        reply_invalid(r, "query", "directory", "int_parsing", "A number expected");
        return;
    }
    struct ui_page *p = ui_page_new(r, &look);
    ui_page_sql(p, "tree", &ui_query_tree, 1, (const char *[]){directory});
    ui_page_before(p, count_rest);
    ui_page_go(p);
}

static void name_it(struct ui_page *p, const char *key)
{
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(ui_page_data(p), key);
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "name"));
    if (name) ui_page_name(p, name);
}

static void name_project(struct ui_page *p)
{
    name_it(p, "project");
}

void web_ui_project(struct req *r)
{
    static const struct ui_look look = {"project", "browse", "Project", "objects"};
    struct ui_page *p = ui_page_new(r, &look);
    ui_page_sql(p, "project", &ui_query_project, 1, (const char *[]){req_param(r, 0)});
    ui_page_need(p, "project", "There is no such project.");
    ui_page_before(p, name_project);
    ui_page_go(p);
}

/* ---- elevation ---- */

static void name_elevation(struct ui_page *p)
{
    name_it(p, "elevation");
}

void web_ui_elevation(struct req *r)
{
    static const struct ui_look look = {"elevation", "browse", "Elevation", "objects"};
    struct ui_page *p = ui_page_new(r, &look);
    cJSON_AddBoolToObject(ui_page_data(p), "is_asked", req_arg(r, "from") || req_arg(r, "to"));
    ui_page_sql(p, "elevation", &ui_query_elevation, 1, (const char *[]){req_param(r, 0)});
    ui_page_sql(p, "bill", &ui_query_bill, 1, (const char *[]){req_param(r, 0)});
    ui_page_sql(p, "compared", &ui_query_versions, 3,
                (const char *[]){req_param(r, 0), req_arg(r, "from"), req_arg(r, "to")});
    ui_page_need(p, "elevation", "There is no such elevation.");
    ui_page_before(p, name_elevation);
    ui_page_go(p);
}
