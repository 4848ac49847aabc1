/* Logging in and out as administrator: the form, and the two APIs that clients know. */
#include <stdio.h>
#include <string.h>

#include "services/web/gate/handlers.h"
#include "services/web/gate/origin/origin.h"
#include "services/web/gate/page.h"
#include "services/web/gate/session.h"
#include "services/web/http/reply.h"

#define HOME "/ui"

/* Only paths of our own pages, as our own links have them, so that a login leads nowhere else. */
static const char *safe_next(const char *next)
{
    static const char path[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-_.~:@";
    static const char query[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-_.~:@?&=%+,";
    if (!next || strncmp(next, "/ui", 3) != 0 || !strchr("/?", next[3])) return HOME;
    size_t len = strspn(next, path);
    bool is_safe = (!next[len] || next[len] == '?') && strspn(next + len, query) == strlen(next + len) &&
                   !strstr(next, "//") && !memmem(next, len, "/.", 2);
    return is_safe ? next : HOME;
}

static void login_page(struct req *r, int status, const char *next, const char *problem)
{
    cJSON *values = cJSON_CreateObject();
    cJSON_AddStringToObject(values, "next", safe_next(next));
    if (problem) cJSON_AddStringToObject(values, "problem", problem);
    page_reply(r, status, "login", "Log in", values);
}

void web_ui_login(struct req *r)
{
    if (r->who.kind == WHO_ADMIN)
        reply_redirect(r, safe_next(req_arg(r, "next")));
    else
        login_page(r, 200, req_arg(r, "next"), NULL);
}

static void then_form(struct req *r, const char *token, const char *expires_at)
{
    (void)expires_at;
    if (!token) {
        login_page(r, 401, req_body_str(r, "next"), "Wrong name or password.");
        return;
    }
    session_set_cookie(r, token);
    reply_redirect(r, safe_next(req_body_str(r, "next")));
}

/* A page of another site must not log people in. */
static void log_in_from_here(struct req *r, void (*then)(struct req *r, const char *token, const char *expires_at))
{
    if (!origin_is_own(r))
        reply_detail(r, 403, "The form was sent from another site");
    else
        session_login(r, req_body_str(r, "username"), req_body_str(r, "password"), then);
}

void web_ui_login_send(struct req *r)
{
    log_in_from_here(r, then_form);
}

static void then_logged_out_page(struct req *r)
{
    reply_redirect(r, "/ui/login");
}

void web_ui_logout(struct req *r)
{
    session_logout(r, then_logged_out_page);
}

/* ---- APIs ---- */

static void then_token(struct req *r, const char *token, const char *expires_at)
{
    if (!token) {
        reply_header(r, "WWW-Authenticate", "Bearer");
        reply_detail(r, 401, "Invalid username or password");
        return;
    }
    if (origin_is_own(r)) session_set_cookie(r, token);
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "access_token", token);
    cJSON_AddStringToObject(out, "token_type", "bearer");
    cJSON_AddStringToObject(out, "expires_at", expires_at);
    cJSON_AddStringToObject(out, "message", "Login successful");
    reply_cjson_take(r, 200, out);
}

void web_admin_login(struct req *r)
{
    session_login(r, req_body_str(r, "username"), req_body_str(r, "password"), then_token);
}

static void then_cookie(struct req *r, const char *token, const char *expires_at)
{
    if (token) session_set_cookie(r, token);
    if (token) {
        cJSON *out = cJSON_CreateObject();
        cJSON_AddBoolToObject(out, "success", true);
        cJSON_AddStringToObject(out, "message", "Login successful");
        cJSON_AddStringToObject(out, "expires_at", expires_at);
        reply_cjson_take(r, 200, out);
    } else {
        reply_detail(r, 401, "Invalid username or password");
    }
}

void web_admin_form_login(struct req *r)
{
    log_in_from_here(r, then_cookie);
}

static void then_logged_out(struct req *r)
{
    reply_json(r, 200, "{\"message\":\"Logged out\"}");
}

void web_admin_logout(struct req *r)
{
    session_logout(r, then_logged_out);
}

static void verified(struct req *r)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "success", true);
    cJSON_AddBoolToObject(out, "valid", true);
    cJSON_AddBoolToObject(out, "authenticated", true);
    cJSON_AddStringToObject(out, "username", r->who.name);
    cJSON_AddStringToObject(out, "expires_at", r->who.expires_at);
    if (r->who.is_by_cookie) cJSON_AddStringToObject(out, "csrf_token", r->who.csrf);
    reply_cjson_take(r, 200, out);
}

void web_admin_verify(struct req *r)
{
    verified(r);
}

void web_admin_form_verify(struct req *r)
{
    verified(r);
}
