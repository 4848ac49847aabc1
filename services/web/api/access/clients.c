/* Clients of the API: their login, and their registration, change and removal by an administrator. A secret is shown
 * once, when it is made; PostgreSQL has its argon2id hash. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "conf/machine/random.h"
#include "services/store/web/access/clients_read.h"
#include "services/web/api/access/client_login.h"
#include "services/web/gate/handlers.h"
#include "services/web/gate/credentials/hasher.h"
#include "services/web/gate/credentials/jwt.h"
#include "services/web/http/reply.h"

/* ---- login ---- */

static void then_login(struct req *r, bool is_right)
{
    struct client_login *l = r->state;
    if (!is_right) {
        reply_header(r, "WWW-Authenticate", "Bearer");
        reply_detail(r, 401, "Invalid client credentials");
        return;
    }
    int64_t lifetime_s = conf_int(r->web->conf, SET_JWT_EXPIRE) * 60;
    char *token = jwt_write(r->web, l->client_id, l->permissions, NULL, l->version, lifetime_s);
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "access_token", token ? token : "");
    cJSON_AddStringToObject(out, "token_type", "bearer");
    cJSON_AddNumberToObject(out, "expires_in", (double)lifetime_s);
    cJSON *info = cJSON_AddObjectToObject(out, "client_info");
    cJSON_AddStringToObject(info, "client_id", l->client_id);
    cJSON_AddStringToObject(info, "name", l->name);
    cJSON_AddItemToObject(info, "permissions", cJSON_Parse(l->permissions));
    cJSON_AddRawToObject(info, "rate_limit_per_hour", l->rate_limit);
    reply_token_take(r, token, out);
}

void web_client_login(struct req *r)
{
    struct client_login *l = req_alloc(r, sizeof *l);
    l->client_id = req_body_str(r, "client_id");
    l->secret = req_body_str(r, "client_secret");
    l->then = then_login;
    client_login(r, l);
}

void web_client_me(struct req *r)
{
    if (r->who.kind == WHO_CLIENT && !(r->who.permissions & PERM_METRICS))
        req_json(r, &query_client_me, 1, (const char *[]){r->who.name}, "Client not found");
    else
        reply_detail(r, 403, "Only clients have this");
}

/* ---- registration and new secrets ---- */

struct new_secret {
    char secret[65], hint[SECRET_HINT_SIZE];
    const char *client_id;
    void (*store)(struct req *r, const char *hash);
};

static void on_hashed(void *arg, const char *hash)
{
    struct req *r = arg;
    struct new_secret *n = r->state;
    if (hash)
        n->store(r, hash);
    else
        reply_unavailable(r, 5, "No memory for hashing");
}

static void make_secret(struct req *r, const char *client_id, void (*store)(struct req *r, const char *hash))
{
    struct new_secret *n = req_alloc(r, sizeof *n);
    random_token_hex(n->secret, 32);
    secret_hint(n->secret, n->hint);
    n->client_id = req_strdup(r, client_id);
    n->store = store;
    r->state = n;
    if (!hasher_hash(r->web->hasher, n->secret, on_hashed, r)) reply_unavailable(r, 2, "Too many logins at once");
}

static void add_client(struct req *r, const char *hash, void (*then)(struct req *r, const PGresult *result))
{
    struct new_secret *n = r->state;
    const char *permissions = req_body_text(r, "permissions"), *rate = req_body_text(r, "rate_limit_per_hour");
    const char *values[] = {n->client_id,
                            hash,
                            req_body_str(r, "name"),
                            req_body_str(r, "description"),
                            permissions ? permissions : "[\"projects:read\",\"elevations:read\"]",
                            rate ? rate : "1000",
                            n->hint};
    req_query(r, &query_client_add, 7, values, then);
}

static void then_registered(struct req *r, const PGresult *result)
{
    struct new_secret *n = r->state;
    cJSON *out = PQntuples(result) ? cJSON_Parse(PQgetvalue(result, 0, 0)) : NULL;
    if (!out) {
        reply_detail(r, 400, "A client with this client_id is registered already");
        return;
    }
    log_info("client %.100s registered by %.100s", n->client_id, r->who.name);
    cJSON_AddStringToObject(out, "client_secret", n->secret);
    cJSON_AddStringToObject(out, "message", "Client created successfully. Store the client_secret securely.");
    reply_cjson_take(r, 200, out);
}

static void store_registered(struct req *r, const char *hash)
{
    add_client(r, hash, then_registered);
}

/* A name that can be shown, and that METRICS_TOKEN does not have. */
static bool is_name_fit(const char *client_id)
{
    for (const unsigned char *p = (const unsigned char *)client_id; *p; p++)
        if (*p < 0x20 || *p == 0x7f) return false;
    return strcmp(client_id, "metrics") != 0;
}

void web_client_register(struct req *r)
{
    if (!is_name_fit(req_body_str(r, "client_id"))) {
        reply_invalid(r, "body", "client_id", "value_error",
                      "Another name is needed: without control characters, and not \"metrics\"");
        return;
    }
    make_secret(r, req_body_str(r, "client_id"), store_registered);
}

static void then_created(struct req *r, const PGresult *result)
{
    struct new_secret *n = r->state;
    cJSON *client = PQntuples(result) ? cJSON_Parse(PQgetvalue(result, 0, 0)) : NULL;
    if (!client) {
        reply_fault(r, 409, "CLIENT_EXISTS", "A client with this client_id is registered already");
        return;
    }
    cJSON *out = cJSON_CreateObject();
    cJSON_AddItemToObject(out, "client", client);
    cJSON_AddStringToObject(out, "client_secret", n->secret);
    cJSON_AddStringToObject(out, "message", "Client created. Store the secret: it is shown only once.");
    log_info("client %.100s created by %.100s", n->client_id, r->who.name);
    reply_cjson_take(r, 200, out);
}

static void store_created(struct req *r, const char *hash)
{
    add_client(r, hash, then_created);
}

/* "Odoo Production" -> "odoo_production_1a2b3c4d" */
void web_admin_client_create(struct req *r)
{
    char id[64], suffix[9];
    size_t len = 0;
    for (const char *p = req_body_str(r, "name"); *p && len < 40; p++)
        if (isalnum((unsigned char)*p))
            id[len++] = (char)tolower((unsigned char)*p);
        else if (len > 0 && id[len - 1] != '_')
            id[len++] = '_';
    random_token_hex(suffix, 4);
    snprintf(id + len, sizeof id - len, "%s%s", len > 0 && id[len - 1] != '_' ? "_" : "", suffix);
    make_secret(r, id, store_created);
}

static void then_regenerated(struct req *r, const PGresult *result)
{
    struct new_secret *n = r->state;
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, "Client not found");
        return;
    }
    log_info("client %.100s got a new secret from %.100s", n->client_id, r->who.name);
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "client_id", n->client_id);
    cJSON_AddStringToObject(out, "client_secret", n->secret);
    cJSON_AddStringToObject(out, "message", "New secret made; tokens of the old one are void.");
    reply_cjson_take(r, 200, out);
}

static void store_regenerated(struct req *r, const char *hash)
{
    struct new_secret *n = r->state;
    req_query(r, &query_client_new_secret, 3, (const char *[]){n->client_id, hash, n->hint}, then_regenerated);
}

void web_admin_client_regenerate(struct req *r)
{
    make_secret(r, req_param(r, 0), store_regenerated);
}

/* ---- a second secret, while clients take over the new one ---- */

static void then_rotated(struct req *r, const PGresult *result)
{
    struct new_secret *n = r->state;
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, "Client not found");
        return;
    }
    log_info("client %.100s got a second secret from %.100s; the old one ends at %s", n->client_id, r->who.name,
             PQgetvalue(result, 0, 0));
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "client_id", n->client_id);
    cJSON_AddStringToObject(out, "client_secret", n->secret);
    cJSON_AddStringToObject(out, "old_secret_ends_at", PQgetvalue(result, 0, 0));
    cJSON_AddStringToObject(out, "message",
                            "New secret made. The old one is right until then, and tokens last until they expire.");
    reply_cjson_take(r, 200, out);
}

static void store_rotated(struct req *r, const char *hash)
{
    struct new_secret *n = r->state;
    const char *hours = req_body_text(r, "overlap_hours");
    const char *values[] = {n->client_id, hash, n->hint, req_body_str(r, "old_secret_ends_at"), hours ? hours : "24"};
    req_query(r, &query_client_rotate, 5, values, then_rotated);
}

void web_admin_client_rotate(struct req *r)
{
    make_secret(r, req_param(r, 0), store_rotated);
}

void web_admin_client_end_old(struct req *r)
{
    req_json(r, &query_client_end_old, 1, (const char *[]){req_param(r, 0)}, "Client not found");
}

/* ---- looking and changing ---- */

void web_client_list(struct req *r)
{
    req_json(r, &query_client_list, 0, NULL, NULL);
}

void web_client_change(struct req *r)
{
    const char *values[] = {req_param(r, 0),
                            NULL,
                            NULL,
                            req_body_text(r, "permissions"),
                            req_body_text(r, "rate_limit_per_hour"),
                            req_body_text(r, "is_active")};
    req_json(r, &query_client_change, 6, values, "Client not found");
}

void web_admin_client_list(struct req *r)
{
    const char *values[] = {req_arg(r, "skip"), req_arg(r, "limit"), req_arg(r, "active_only")};
    req_json(r, &query_client_page, 3, values, NULL);
}

void web_admin_client_get(struct req *r)
{
    req_json(r, &query_client_get, 1, (const char *[]){req_param(r, 0)}, "Client not found");
}

void web_admin_client_change(struct req *r)
{
    const char *values[] = {req_param(r, 0),
                            req_body_str(r, "name"),
                            req_body_str(r, "description"),
                            req_body_text(r, "permissions"),
                            req_body_text(r, "rate_limit_per_hour"),
                            req_body_text(r, "is_active")};
    req_json(r, &query_client_change, 6, values, "Client not found");
}

void web_admin_client_delete(struct req *r)
{
    req_json(r, &query_client_delete, 1, (const char *[]){req_param(r, 0)}, "Client not found");
}
