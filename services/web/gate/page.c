/* Login page, documentation, and refusals that people see, from templates alone. */
#include "services/web/gate/page.h"

#include <string.h>

#include "conf/log.h"
#include "conf/version.h"
#include "services/web/gate/route.h"
#include "services/web/http/reply.h"
#include "services/web/http/render/language.h"

#define PAGE_MAX (4u << 20)

void page_reply(struct req *r, int status, const char *template, const char *title, cJSON *values)
{
    struct buf out = {0};
    buf_init(&out, PAGE_MAX);
    if (!values) values = cJSON_CreateObject();
    cJSON_AddStringToObject(values, "title", title);
    cJSON_AddStringToObject(values, "path", r->path);
    cJSON_AddStringToObject(values, "user", r->who.name);
    cJSON_AddStringToObject(values, "csrf", r->who.csrf);
    cJSON_AddStringToObject(values, "version", version_text);
    cJSON_AddBoolToObject(values, "is_admin", r->who.kind == WHO_ADMIN);
    struct err err = {0};
    int rc = language_render(r, &out, template, values, &err);
    cJSON_Delete(values);
    if (rc != 0) log_error("template %s: %s", template, err.text);
    if (rc != 0 || out.failed)
        reply_fault(r, 500, "INTERNAL_ERROR", "The page cannot be shown (request %s)", r->id);
    else
        reply_bytes(r, status, TYPE_HTML, out.data, out.len);
    buf_free(&out);
}

/* Somebody who follows a link or types an address, also to what is no page, or to a file. */
static bool is_seen(struct req *r)
{
    const char *accepts = req_header(r, "Accept");
    bool is_for_people = r->route ? route_is_for_people(r->route) : r->path && strncmp(r->path, "/ui/", 4) == 0;
    return is_for_people && accepts && strstr(accepts, "text/html");
}

/* Who is to wait before the next try keeps the form for it. */
static bool is_login_held_up(struct req *r, int status)
{
    return status == 429 && r->path && strcmp(r->path, "/ui/login") == 0;
}

bool page_refuse(struct req *r, int status, const char *text)
{
    if (!is_seen(r)) return false;
    if (status == 404 && !r->route) text = "There is no page at this address.";
    cJSON *values = cJSON_CreateObject();
    cJSON_AddStringToObject(values, "title",
                            status == 503   ? "Not available now"
                            : status == 404 ? "Not found"
                                            : "Refused");
    cJSON_AddStringToObject(values, "text", text);
    cJSON_AddBoolToObject(values, "is_passing", status == 503);
    bool is_form = is_login_held_up(r, status);
    if (is_form) cJSON_AddStringToObject(values, "problem", text);
    if (is_form && r->body) cJSON_AddStringToObject(values, "next", req_body_str(r, "next"));
    struct buf out = {0};
    int rc = language_render(r, &out, is_form ? "login" : "refused", values, NULL);
    cJSON_Delete(values);
    if (rc == 0) reply_bytes(r, status, TYPE_HTML, out.data, out.len);
    buf_free(&out);
    return rc == 0;
}
