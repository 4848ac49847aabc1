/* See console.h. The cookie is "UNIXTIME.ROLE.MAC": when it ends, a or v, and what signs both. */
#include "services/web/gate/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "conf/clock.h"
#include "services/web/gate/route.h"
#include "services/web/gate/session.h"
#include "services/web/http/reply.h"

#define MAC_SIZE   65
#define VALUE_SIZE 120
#define OVER_KEPT  256

static const char *const opened[] = {"/ui/system", "/api/v1/admin/processes/{name}/{command}", "/api/v1/admin/reload"};

static char over[OVER_KEPT][65]; /* sessions whose owners logged out of this process, the last ones */
static int over_next;

static void sign(const struct web *web, enum setting_id key_id, const char *token, const char *head, char out[MAC_SIZE])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    bool is_viewer = strchr(head, 'v') != NULL;
    const char *parts[] = {"console", head, token,
                           conf_str(web->conf, is_viewer ? SET_VIEWER_USERNAME : SET_ADMIN_USERNAME),
                           conf_str(web->conf, is_viewer ? SET_VIEWER_PASSWORD : SET_ADMIN_PASSWORD)};
    const char *key = conf_str(web->conf, key_id);
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, strlen(key));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        crypto_auth_hmacsha256_update(&state, (const unsigned char *)parts[i], strlen(parts[i]) + 1);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(out, MAC_SIZE, mac, sizeof mac);
}

void console_set_cookie(struct req *r, const char *token, bool is_viewer)
{
    char value[VALUE_SIZE] = "", head[32], mac[MAC_SIZE];
    long long seconds = token ? (long long)conf_int(r->web->conf, SET_ADMIN_SESSION_HOURS) * 3600 : 0;
    if (token) {
        snprintf(head, sizeof head, "%lld.%c", (long long)(wall_ms() / 1000) + seconds, is_viewer ? 'v' : 'a');
        sign(r->web, SET_SECRET_KEY, token, head, mac);
        snprintf(value, sizeof value, "%s.%s", head, mac);
    }
    reply_header(r, "Set-Cookie",
                 req_printf(r, CONSOLE_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s", value, seconds,
                            r->is_https ? "; Secure" : ""));
}

bool console_is_for(const struct route *route)
{
    for (size_t i = 0; i < sizeof opened / sizeof *opened; i++)
        if (strcmp(route->path, opened[i]) == 0) return true;
    return false;
}

/* head and mac of the cookie; false when it is no such thing. */
static bool take_apart(char *value, char **mac)
{
    char *dot = strchr(value, '.');
    if (!dot || dot == value || (dot[1] != 'a' && dot[1] != 'v') || dot[2] != '.') return false;
    if (dot - value > 12 || strspn(value, "0123456789") != (size_t)(dot - value)) return false;
    *mac = dot + 3;
    dot[2] = '\0';
    return true;
}

static bool is_signed(const struct web *web, const char *token, const char *head, const char *mac)
{
    char wanted[MAC_SIZE], before[MAC_SIZE];
    bool has_previous = conf_is_set(web->conf, SET_SECRET_KEY_PREVIOUS);
    sign(web, SET_SECRET_KEY, token, head, wanted);
    sign(web, SET_SECRET_KEY_PREVIOUS, token, head, before);
    return ((int)session_equal(mac, wanted) | ((int)has_previous & (int)session_equal(mac, before))) != 0;
}

void console_close(const char *session)
{
    snprintf(over[over_next], sizeof over[over_next], "%s", session);
    over_next = (over_next + 1) % OVER_KEPT;
}

static bool is_over(const char *session)
{
    for (int i = 0; i < OVER_KEPT; i++)
        if (strcmp(over[i], session) == 0) return true;
    return false;
}

bool console_opens(struct req *r, const char *token)
{
    char value[VALUE_SIZE], *mac;
    if (!r->who.is_by_cookie || !console_is_for(r->route) || is_over(r->who.session) ||
        !req_cookie(r, CONSOLE_COOKIE, value, sizeof value) || !take_apart(value, &mac))
        return false;
    bool is_viewer = strchr(value, 'v') != NULL;
    int64_t ends_ms = (int64_t)strtoll(value, NULL, 10) * 1000;
    if (ends_ms <= wall_ms() || !session_role_is_there(r->web, is_viewer) || !is_signed(r->web, token, value, mac))
        return false;
    r->who.kind = WHO_ADMIN;
    r->who.is_viewer = is_viewer;
    r->who.expires_ms = ends_ms;
    snprintf(r->who.name, sizeof r->who.name, "%s",
             conf_str(r->web->conf, is_viewer ? SET_VIEWER_USERNAME : SET_ADMIN_USERNAME));
    return true;
}
