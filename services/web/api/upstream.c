/* Operations of clients that log in with Logikal's own credentials (gate/upstream_token.h looks their tokens up). */
#include "services/web/gate/upstream_token.h"

#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/machine/random.h"
#include "conf/text/utf8.h"
#include "services/store/web/directories_read.h"
#include "services/store/web/access/upstream_tokens.h"
#include "services/store/web/objects_read.h"
#include "services/web/api/sync_api.h"
#include "services/web/gate/credentials/attempts.h"
#include "services/web/gate/codes.h"
#include "services/web/gate/handlers.h"
#include "services/web/gate/route.h"
#include "services/web/gate/session.h"
#include "services/web/http/reply.h"

#define LIFETIME_MIN "60"

/* ---- logging in ---- */

/* Compares with the settings, every part always; answers the refusal. */
static bool are_credentials_right(struct req *r, const char *base_url, const char *username, const char *password)
{
    const struct conf *conf = r->web->conf;
    bool url = session_equal(base_url, conf_str(conf, SET_LOGIKAL_URL));
    bool name = session_equal(username, conf_str(conf, SET_LOGIKAL_USER));
    bool word = session_equal(password, conf_str(conf, SET_LOGIKAL_PASSWORD));
    if ((url & name & word) && conf_is_set(conf, SET_LOGIKAL_PASSWORD)) {
        attempt_succeeded(r);
        return true;
    }
    attempt_failed(r);
    log_warning("a login with Logikal's credentials failed, from %s", r->address);
    reply_detail(r, codes_has(r, 401) ? 401 : 400,
                 "These are not the server, user and password that this system syncs from");
    return false;
}

static void then_token(struct req *r, const PGresult *result)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "success", true);
    cJSON_AddStringToObject(out, "token", r->state);
    cJSON_AddStringToObject(out, "expires_at", PQgetvalue(result, 0, 0));
    cJSON_AddStringToObject(out, "message", "Authentication successful");
    reply_cjson_take(r, 200, out);
}

static void try_login(struct req *r)
{
    const char *base_url = req_body_str(r, "base_url"), *username = req_body_str(r, "username");
    char id[UPSTREAM_ID_SIZE], *token = req_alloc(r, SESSION_TOKEN_SIZE);
    if (!are_credentials_right(r, base_url, username, req_body_str(r, "password"))) return;
    random_token_hex(token, 32);
    upstream_token_id(r->web, token, id);
    r->state = token;
    const char *url = utf8_finish(req_printf(r, "%.255s", base_url));
    req_query(r, &query_upstream_token_add, 4, (const char *[]){id, username, url, LIFETIME_MIN}, then_token);
}

void web_upstream_login(struct req *r)
{
    attempt_begin(r, ATTEMPT_UPSTREAM, "", try_login);
}

void web_upstream_logout(struct req *r)
{
    char id[UPSTREAM_ID_SIZE] = "";
    upstream_token_id(r->web, req_arg(r, "token"), id);
    req_json(r, &query_upstream_token_drop, 1, (const char *[]){id}, "No such token");
}

/* ---- can Logikal be reached ---- */

static cJSON *shape_test(const struct req *r, const cJSON *result)
{
    (void)r;
    char text[CLOCK_TEXT_SIZE];
    cJSON *out = cJSON_CreateObject();
    const char *logikal = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "logikal"));
    bool is_good = logikal && strcmp(logikal, "ok") == 0;
    cJSON_AddBoolToObject(out, "success", is_good);
    cJSON_AddStringToObject(out, "message", is_good ? "Connection successful" : logikal ? logikal : "not tested");
    cJSON_AddStringToObject(out, "timestamp", clock_iso_us(wall_us(), text));
    return out;
}

static bool are_arguments_right(struct req *r)
{
    return are_credentials_right(r, req_arg(r, "base_url"), req_arg(r, "username"), req_arg(r, "password"));
}

static void try_test(struct req *r)
{
    if (are_arguments_right(r)) sync_run(r, TASK_SYNC "health_check_task", "sync", cJSON_CreateObject(), shape_test);
}

void web_upstream_test(struct req *r)
{
    attempt_begin(r, ATTEMPT_UPSTREAM, "", try_test);
}

/* ---- navigation, which belongs to the sync ---- */

static void try_reset(struct req *r)
{
    if (are_arguments_right(r))
        reply_json(r, 200,
                   "{\"success\":true,\"message\":\"There is nothing to reset: each sync uses sessions of its own\"}");
}

void web_upstream_reset(struct req *r)
{
    attempt_begin(r, ATTEMPT_UPSTREAM, "", try_reset);
}

static void then_selected(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0) {
        reply_detail(r, 400, "It is not in the database");
        return;
    }
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "success", true);
    cJSON_AddStringToObject(out, "message", "Known; what lies below it is in the cached lists");
    cJSON_AddItemToObject(out, "data", cJSON_Parse(PQgetvalue(result, 0, 0)));
    reply_cjson_take(r, 200, out);
}

void web_directory_select(struct req *r)
{
    req_query(r, &query_directory_get, 1, (const char *[]){req_param(r, 0)}, then_selected);
}

void web_project_select(struct req *r)
{
    req_query(r, &query_project_get, 1, (const char *[]){req_param(r, 0)}, then_selected);
}

void web_concurrency_test(struct req *r)
{
    reply_fault(r, 410, "GONE",
                "Logikal's limits are not probed: LOGIKAL_MAX_SESSIONS tells how many sessions a sync uses");
}
