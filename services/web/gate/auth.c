/* Finding out who asks: see auth.h. What was looked up is remembered while the version counters of the clients and the
 * sessions stand, so the usual request costs no statement of its own. */
#include "services/web/gate/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <event2/http.h>

#include "conf/clock.h"
#include "conf/text/copy.h"
#include "services/store/web/access/access_read.h"
#include "services/web/cache/versions.h"
#include "services/web/gate/console.h"
#include "services/web/gate/credentials/identities.h"
#include "services/web/gate/credentials/jwt.h"
#include "services/web/gate/limiter.h"
#include "services/web/gate/route.h"
#include "services/web/gate/session.h"
#include "services/web/gate/credentials/signing_key.h"
#include "services/web/gate/upstream_token.h"
#include "services/web/http/reply.h"

#define PATIENCE_S 2    /* with PostgreSQL, of whoever asks how things are */
#define TOKEN_SIZE 8192 /* names the client twice, each character of it as six at most, in base64 */

struct auth_lookup {
    void (*next)(struct req *r);
    struct table_versions versions;
    struct event *patience;   /* NULL: however long it takes */
    struct jwt_claims claims; /* of a client's token */
    bool is_client;
    char key[WHO_NAME_SIZE + 16]; /* in the identities: "client NAME" or "session HASH" */
};

/* The bits of a JSON list of words; unknown words count nothing. */
static unsigned auth_permissions(const char *json)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {{"\"projects:read\"", PERM_PROJECTS},
                 {"\"elevations:read\"", PERM_ELEVATIONS},
                 {"\"sync:write\"", PERM_SYNC},
                 {"\"admin:read\"", PERM_ADMIN_READ},
                 {"\"webhooks:manage\"", PERM_HOOKS}};
    unsigned out = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(json, words[i].word)) out |= words[i].bit;
    return out;
}

static void token_of(struct req *r, char *out, size_t size)
{
    const char *header = req_header(r, "Authorization");
    *out = 0;
    r->who.is_by_cookie = false;
    if (header && strncasecmp(header, "Bearer ", 7) == 0)
        text_copy(out, size, header + 7 + strspn(header + 7, " "));
    else if (!header)
        r->who.is_by_cookie = req_cookie(r, AUTH_COOKIE, out, size);
}

bool auth_session_holds(struct req *r)
{
    char token[SESSION_TOKEN_SIZE];
    token_of(r, token, sizeof token);
    return r->who.kind == WHO_ADMIN && r->who.expires_ms > wall_ms() &&
           session_stands(r->web, token, r->who.is_viewer, r->who.proof);
}

bool auth_may_start(const struct req *r)
{
    if (r->who.kind == WHO_ADMIN) return !r->who.is_viewer;
    return r->who.kind == WHO_CLIENT && (r->who.permissions & PERM_SYNC);
}

static void take_session(struct req *r, const struct identity *found)
{
    r->who.is_viewer = found->is_viewer;
    r->who.expires_ms = found->expires_ms;
    snprintf(r->who.proof, sizeof r->who.proof, "%s", found->proof);
    r->who.kind = WHO_ADMIN;
    if (!auth_session_holds(r)) r->who.kind = WHO_NOBODY;
}

/* Of a token that was asked for with a scope. */
static unsigned scope_permissions(const char *scope)
{
    char list[300];
    size_t n = 0;
    if (!*scope) return ~0u;
    for (const char *p = scope; *p && n + 4 < sizeof list; p++) {
        if (p == scope || p[-1] == ' ') list[n++] = '"';
        list[n++] = *p;
        if (p[1] == ' ' || !p[1]) list[n++] = '"';
    }
    list[n] = 0;
    return auth_permissions(list);
}

static void identified(struct req *r, const struct identity *found)
{
    struct auth_lookup *l = r->auth;
    r->auth = NULL;
    r->versions = &l->versions;
    bool is_current = found && found->exists && found->expires_ms > wall_ms() &&
                      (!l->is_client || found->token_version == l->claims.version);
    if (is_current) {
        if (l->is_client)
            r->who.kind = WHO_CLIENT;
        else
            take_session(r, found);
    }
    if (r->who.kind != WHO_NOBODY) {
        r->who.permissions = found->permissions;
        if (l->is_client) r->who.permissions &= scope_permissions(l->claims.scope);
        r->who.rate_limit_per_hour = found->rate_limit_per_hour;
        text_copy(r->who.name, sizeof r->who.name, found->name);
        text_copy(r->who.expires_at, sizeof r->who.expires_at, found->expires_at);
    }
    l->next(r);
}

static void then_client(struct req *r, const PGresult *result)
{
    struct auth_lookup *l = r->auth;
    struct identity found = {.exists = PQntuples(result) > 0, .expires_ms = INT64_MAX};
    if (found.exists) {
        snprintf(found.name, sizeof found.name, "%s", l->claims.client_id);
        found.permissions = auth_permissions(PQgetvalue(result, 0, 0));
        found.rate_limit_per_hour = (int)strtol(PQgetvalue(result, 0, 1), NULL, 10);
        found.token_version = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
    }
    if (found.exists)
        identity_remember(l->key, l->versions.of[VERSION_CLIENTS], &found);
    else /* the token is one that we have signed, for a client that is gone or switched off */
        identity_remember_gone(l->key, l->versions.of[VERSION_CLIENTS]);
    identified(r, &found);
}

static void then_session(struct req *r, const PGresult *result)
{
    struct auth_lookup *l = r->auth;
    struct identity found = {.exists = PQntuples(result) > 0};
    if (found.exists) {
        snprintf(found.name, sizeof found.name, "%s", PQgetvalue(result, 0, 0));
        snprintf(found.expires_at, sizeof found.expires_at, "%s", PQgetvalue(result, 0, 1));
        found.expires_ms = wall_ms() + strtoll(PQgetvalue(result, 0, 2), NULL, 10) * 1000;
        found.is_viewer = *PQgetvalue(result, 0, 3) == 't';
        snprintf(found.proof, sizeof found.proof, "%s", PQgetvalue(result, 0, 4));
    }
    identity_remember(l->key, l->versions.of[VERSION_SESSIONS], &found);
    identified(r, &found);
}

/* Who is open to everybody does not need to know who asks: without PostgreSQL everybody is nobody there. */
static bool goes_on_as_nobody(struct req *r, void (*next)(struct req *r))
{
    if (r->route->access != ACCESS_OPEN) return false;
    r->auth = NULL;
    next(r);
    return true;
}

/* How things are is told, while PostgreSQL is away, to whoever was known to be allowed to ask when it was last there.
 */
static bool goes_on_as_last_known(struct req *r)
{
    const struct identity *last = identity_last(((const struct auth_lookup *)r->auth)->key);
    if (r->route->access != ACCESS_METRICS || !last) return false;
    identified(r, last);
    return true;
}

static bool goes_on_by_console(struct req *r)
{
    struct auth_lookup *l = r->auth;
    char token[SESSION_TOKEN_SIZE];
    if (l->is_client) return false;
    token_of(r, token, sizeof token);
    if (!console_opens(r, token)) return false;
    versions_forget(r->web->versions, r);
    r->auth = NULL;
    l->next(r);
    return true;
}

static void on_versions(void *arg, const struct table_versions *versions, const struct err *err);

static void end_patience(void *arg)
{
    struct auth_lookup *l = arg;
    if (l->patience) event_free(l->patience);
    l->patience = NULL;
}

/* A PostgreSQL that hangs is not waited for. */
static void on_impatient(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct req *r = arg;
    end_patience(r->auth);
    if (goes_on_by_console(r) || r->route->access != ACCESS_METRICS || !identity_last(r->auth->key)) return;
    versions_forget(r->web->versions, r);
    goes_on_as_last_known(r);
}

static void ask_versions(struct req *r)
{
    struct auth_lookup *l = r->auth;
    if (console_is_for(r->route) || (r->route->access == ACCESS_METRICS && identity_last(l->key)))
        l->patience = evtimer_new(r->web->base, on_impatient, r);
    if (l->patience) {
        req_on_end(r, end_patience, l); /* also when web stops meanwhile */
        event_add(l->patience, &(struct timeval){.tv_sec = PATIENCE_S});
    }
    versions_get(r->web->versions, on_versions, r);
}

static void on_versions(void *arg, const struct table_versions *versions, const struct err *err)
{
    struct req *r = arg;
    struct auth_lookup *l = r->auth;
    end_patience(l);
    if (err) {
        if (!goes_on_as_nobody(r, l->next) && !goes_on_as_last_known(r) && !goes_on_by_console(r))
            reply_statement_err(r, err);
        return;
    }
    l->versions = *versions;
    const struct identity *known =
        identity_recall(l->key, versions->of[l->is_client ? VERSION_CLIENTS : VERSION_SESSIONS]);
    if (known)
        identified(r, known);
    else if (l->is_client)
        req_query(r, &query_client_identity, 1, (const char *[]){l->claims.client_id}, then_client);
    else
        req_query(r, &query_session_identity, 1, (const char *[]){r->who.session}, then_session);
}

static void key_of(struct auth_lookup *l, const char *kind, const char *name)
{
    size_t len = strlen(kind);
    text_copy(l->key, sizeof l->key, kind);
    text_copy(l->key + len, sizeof l->key - len, name);
}

/* A token that we have signed is somebody's, unless it was not any more when it was last looked at; what merely looks
 * like a session counts for its address first. */
static bool is_vouched(const struct auth_lookup *l)
{
    const struct identity *last = identity_last(l->key);
    if (!last) return l->is_client && !identity_is_gone(l->key);
    return last->expires_ms > wall_ms() && (!l->is_client || l->claims.version >= last->token_version);
}

void auth_identify(struct req *r, void (*next)(struct req *r))
{
    char token[TOKEN_SIZE];
    token_of(r, token, sizeof token);
    if (!*token && upstream_token_identify(r, next)) return;
    if (conf_is_set(r->web->conf, SET_METRICS_TOKEN) &&
        session_equal(token, conf_str(r->web->conf, SET_METRICS_TOKEN))) {
        r->who.kind = WHO_CLIENT;
        r->who.permissions = PERM_METRICS;
        snprintf(r->who.name, sizeof r->who.name, "metrics");
        next(r);
        return;
    }
    struct auth_lookup *l = req_alloc(r, sizeof *l);
    l->next = next;
    l->is_client = !r->who.is_by_cookie && strchr(token, '.');
    if ((!r->web->pool || (l->is_client && !*r->web->jwt_key)) && goes_on_as_nobody(r, next)) return;
    if (l->is_client && !signing_key_present(r)) return;
    if (!*token || (l->is_client && !jwt_read(r->web, token, &l->claims)) ||
        (!l->is_client && !session_id_of(token, r->who.session))) {
        next(r);
        return;
    }
    if (!r->web->pool) {
        reply_unavailable(r, 30, "PostgreSQL is not configured: set DATABASE_URL");
        return;
    }
    if (l->is_client) {
        key_of(l, "client ", l->claims.client_id);
        text_copy(r->who.expires_at, sizeof r->who.expires_at, l->claims.expires_at);
    } else {
        key_of(l, "session ", r->who.session);
        session_csrf_of(r->web, token, r->who.csrf);
    }
    if (!is_vouched(l) && !limiter_admits(r)) return;
    r->auth = l;
    ask_versions(r);
}

void auth_identify_again(struct req *r, void (*next)(struct req *r))
{
    if (!r->was) r->was = req_alloc(r, sizeof *r->was);
    *r->was = *req_owner(r);
    memset(&r->who, 0, sizeof r->who);
    r->versions = NULL;
    auth_identify(r, next);
}

/* ---- permitting ---- */

static bool refuse_nobody(struct req *r)
{
    if (r->route->access == ACCESS_PAGE) {
        char *wanted = evhttp_uriencode(req_with_query(r, r->path), -1, 0);
        reply_redirect(r, req_printf(r, "/ui/login?next=%s", wanted ? wanted : ""));
        free(wanted);
        return false;
    }
    reply_header(r, "WWW-Authenticate", "Bearer");
    bool is_given = req_header(r, "Authorization") || r->who.is_by_cookie;
    reply_detail(r, 401, is_given ? "Could not validate credentials" : "Not authenticated");
    return false;
}

/* Of an admin session: reading is free; changes need the session's token, and are not for viewers (who may log out). */
static bool change_is_right(struct req *r)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(r->ev);
    if (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD) return true;
    if (r->who.is_viewer && !strstr(r->route->path, "/logout")) {
        reply_detail(r, 403, "You may look, but not change anything: log in as administrator for that");
        return false;
    }
    if (!r->who.is_by_cookie) return true;
    const char *token = req_header(r, "X-CSRF-Token");
    char field[80] = "";
    if (!token && req_body_is_form(r) && route_takes_forms(r->route)) {
        session_csrf_field(r, field, sizeof field);
        token = field;
    }
    char session[SESSION_TOKEN_SIZE];
    token_of(r, session, sizeof session);
    if (token && session_csrf_holds(r->web, session, token)) return true;
    reply_detail(r, 403, "CSRF token missing or wrong: reload the page and try again");
    return false;
}

bool auth_permits(struct req *r)
{
    static const unsigned needed[] = {[ACCESS_PROJECTS] = PERM_PROJECTS,
                                      [ACCESS_ELEVATIONS] = PERM_ELEVATIONS,
                                      [ACCESS_JOURNAL] = PERM_PROJECTS | PERM_ELEVATIONS,
                                      [ACCESS_HOOKS] = PERM_PROJECTS | PERM_ELEVATIONS | PERM_HOOKS,
                                      [ACCESS_SYNC] = PERM_SYNC,
                                      [ACCESS_ADMIN_READ] = PERM_ADMIN_READ,
                                      [ACCESS_METRICS] = PERM_ADMIN_READ | PERM_METRICS};
    static const char *const words[] = {[ACCESS_PROJECTS] = "projects:read",
                                        [ACCESS_ELEVATIONS] = "elevations:read",
                                        [ACCESS_JOURNAL] = "projects:read and elevations:read",
                                        [ACCESS_HOOKS] = "webhooks:manage with projects:read and elevations:read",
                                        [ACCESS_SYNC] = "sync:write",
                                        [ACCESS_ADMIN_READ] = "admin:read",
                                        [ACCESS_METRICS] = "admin:read"};
    enum access access = r->route->access;
    if (access == ACCESS_OPEN) return true;
    if (r->who.kind == WHO_NOBODY) return refuse_nobody(r);
    if (r->who.kind == WHO_ADMIN) return change_is_right(r);
    unsigned has = access < ACCESS_ADMIN ? r->who.permissions & needed[access] : 0;
    if (access == ACCESS_ANY || (access == ACCESS_JOURNAL || access == ACCESS_HOOKS ? has == needed[access] : has != 0))
        return true;
    if (access >= ACCESS_ADMIN)
        reply_detail(r, 403, "An administrator's session is needed");
    else
        reply_detail(r, 403, "Permission denied: %s is needed", words[access]);
    return false;
}
