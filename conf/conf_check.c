/* Rules that span settings or look inside a value. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/text/address.h"
#include "conf/text/buf.h"
#include "conf/crontab.h"
#include "conf/conf.h"

#define KEY_LEAST      32
#define PASSWORD_LEAST 12

static bool starts_with_one_of(const char *text, const char *const *prefixes)
{
    for (; *prefixes; prefixes++)
        if (strncmp(text, *prefixes, strlen(*prefixes)) == 0) return true;
    return false;
}

static int check_schemes(const struct conf *conf, struct err *err)
{
    static const char *const postgres[] = {"postgres://", "postgresql://", NULL};
    static const char *const redis[] = {"redis://",        "rediss://",     "unix://",     "valkey://",    "valkeys://",
                                        "redis+socket://", "redis+unix://", "sentinel://", "sentinels://", NULL};
    static const char *const http[] = {"http://", "https://", NULL}, *const smtp[] = {"smtp://", "smtps://", NULL};
    static const struct {
        enum setting_id id;
        const char *const *schemes, *expected;
    } urls[] = {{SET_DATABASE_URL, postgres, "postgres://... or postgresql://..."},
                {SET_REDIS_URL, redis,
                 "redis://..., rediss://... (TLS), unix://... or sentinel://..., or the same as valkey://, valkeys://, "
                 "redis+socket://, sentinels://"},
                {SET_LOGIKAL_URL, http, "http://... or https://..."},
                {SET_ALERT_WEBHOOK, http, "http://... or https://..."},
                {SET_HEARTBEAT_URL, http, "http://... or https://..."},
                {SET_SMTP_URL, smtp, "smtp://... or smtps://..."}};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        if (conf_is_set(conf, urls[i].id) && !starts_with_one_of(conf_str(conf, urls[i].id), urls[i].schemes))
            return err_set(err, ERR_CONFIG, "%s expects %s", settings[urls[i].id].env, urls[i].expected);
    if (starts_with_one_of(conf_str(conf, SET_REDIS_URL), &redis[7]) && !conf_is_set(conf, SET_REDIS_MASTER) &&
        !strstr(conf_str(conf, SET_REDIS_URL), "master_name="))
        return err_set(err, ERR_CONFIG,
                       "REDIS_URL names Sentinels: REDIS_MASTER_NAME must say what they call the server, for instance "
                       "mymaster");
    return 0;
}

/* An entry that cannot match would do nothing, and nobody be told. */
static int check_networks(const struct conf *conf, struct err *err)
{
    static const enum setting_id lists[] = {SET_HTTP_TRUSTED_PROXIES, SET_WEBHOOK_ALLOW};
    char entry[ADDRESS_ENTRY];
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!address_list_is_sound(conf_str(conf, lists[i]), entry))
            return err_set(err, ERR_CONFIG,
                           "%s: \"%s\" is no address or network; expected such as 10.0.0.0/8, 192.0.2.7 or "
                           "2001:db8::/32, with commas between (names of hosts are not looked up)",
                           settings[lists[i]].env, entry);
    return 0;
}

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t n = strlen(end);
    return len > n && strncmp(text + len - n, end, n) == 0;
}

/* A browser sends scheme, host and port as its origin, in small letters, without a port that goes without saying, and
 * nothing behind: what does not look so never matches. */
static bool is_origin(const char *text, size_t len)
{
    bool is_https = strncmp(text, "https://", 8) == 0;
    size_t scheme = is_https ? 8 : 7;
    if ((len == 1 && *text == '*') || (len == 4 && strncmp(text, "null", 4) == 0)) return true;
    if ((!is_https && strncmp(text, "http://", 7) != 0) || len <= scheme) return false;
    for (size_t i = scheme; i < len; i++)
        if (strchr("/*@?#\\", text[i]) || (text[i] >= 'A' && text[i] <= 'Z')) return false;
    return !ends_with(text, len, is_https ? ":443" : ":80") && !ends_with(text, len, ":");
}

static int check_origins(const struct conf *conf, struct err *err)
{
    const char *p = conf_str(conf, SET_CORS_ORIGINS);
    for (size_t n; *(p += strspn(p, " ,[]\"")); p += n) {
        n = strcspn(p, " ,[]\"");
        if (!is_origin(p, n))
            return err_set(
                err, ERR_CONFIG,
                "CORS_ORIGINS: \"%.*s\" is no origin; expected such as https://erp.example.com or "
                "http://localhost:3000, as browsers send it: in small letters, without a path, a slash at its "
                "end or :443, each one for itself; or *",
                (int)n, p);
    }
    return 0;
}

/* kombu's priority steps: ascending numbers. */
static int check_steps(const struct conf *conf, struct err *err)
{
    const char *text = conf_str(conf, SET_REDIS_STEPS), *at = text;
    long before = -1;
    for (int count = 1;; count++) {
        char *end;
        long step = strtol(at, &end, 10);
        if (end == at || step <= before || step > 255 || count > 10) break;
        before = step;
        at = end + strspn(end, " ");
        if (*at == '\0') return 0;
        if (*at++ != ',') break;
    }
    return err_set(err, ERR_CONFIG, "REDIS_PRIORITY_STEPS (%s) expects at most 10 ascending numbers such as 0,3,6,9",
                   text);
}

/* Beat would go on with the one before, and not start any more the next time. */
static int check_crontabs(const struct conf *conf, struct err *err)
{
    static const enum setting_id times[] = {SET_BEAT_CLEANUP, SET_BEAT_HOURLY};
    struct crontab crontab;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        if (!conf_is_set(conf, times[i]) || crontab_parse(conf_str(conf, times[i]), &crontab, err) == 0) continue;
        err_prefix(err, "%s", settings[times[i]].env);
        return -ERR_CONFIG;
    }
    return 0;
}

/* a must not be larger than b, unless b is 0 where that means "no limit". */
static int check_order(const struct conf *conf, enum setting_id a, enum setting_id b, bool zero_is_none,
                       struct err *err)
{
    if (zero_is_none && conf_int(conf, b) == 0) return 0;
    if (conf_int(conf, a) <= conf_int(conf, b)) return 0;
    return err_set(err, ERR_CONFIG, "%s (%s) must not be larger than %s (%s)", settings[a].key, conf_str(conf, a),
                   settings[b].key, conf_str(conf, b));
}

int conf_check(const struct conf *conf, struct err *err)
{
    int rc = check_schemes(conf, err);
    if (rc == 0) rc = check_networks(conf, err);
    if (rc == 0) rc = check_origins(conf, err);
    if (rc == 0) rc = check_steps(conf, err);
    if (rc == 0) rc = check_crontabs(conf, err);
    if (rc == 0) rc = check_order(conf, SET_TASK_SOFT_LIMIT, SET_TASK_HARD_LIMIT, true, err);
    if (rc == 0) rc = check_order(conf, SET_BACKOFF_BASE, SET_BACKOFF_CAP, false, err);
    if (rc == 0) rc = check_order(conf, SET_MEMORY_SOFT, SET_MEMORY_HARD, true, err);
    return rc;
}

/* Words that stand in examples everywhere and protect nothing. */
static bool is_well_known(const char *secret)
{
    static const char *const words[] = {"change",      "example",     "default",    "placeholder",
                                        "your-secret", "your_secret", "secret-key", "secretkey",
                                        "admin",       "password",    "123456",     NULL};
    for (const char *const *w = words; *w; w++)
        if (strcasestr(secret, *w)) return true;
    for (const char *p = secret; *p; p++)
        if (*p != secret[0]) return false;
    return true; /* empty, or one character over and over */
}

/* What is wrong with a secret, behind what is known to be wrong with others: each deployment with a fault takes
 * minutes. */
static void add_fault(const struct conf *conf, enum setting_id id, struct buf *faults)
{
    const char *secret = conf_str(conf, id), *between = faults->len > 0 ? "; " : "";
    bool is_key = settings[id].env && strstr(settings[id].env, "_KEY"); /* signs; the others are only shown */
    size_t least = is_key ? KEY_LEAST : PASSWORD_LEAST;
    if (!secret[0])
        buf_printf(faults, "%s%s is not set", between, settings[id].env);
    else if (strlen(secret) < least)
        buf_printf(faults, "%s%s has %zu characters and needs %zu or more", between, settings[id].env, strlen(secret),
                   least);
    else if (is_well_known(secret))
        buf_printf(faults, "%s%s holds a word of examples, which anybody would try", between, settings[id].env);
}

int conf_check_web(const struct conf *conf, struct err *err)
{
    static const struct {
        enum setting_id id;
        bool is_needed;
    } secrets[] = {{SET_SECRET_KEY, true},           {SET_JWT_SECRET_KEY, true},
                   {SET_SECRET_KEY_PREVIOUS, false}, {SET_JWT_SECRET_KEY_PREVIOUS, false},
                   {SET_ADMIN_PASSWORD, true},       {SET_VIEWER_PASSWORD, false},
                   {SET_METRICS_TOKEN, false}};
    struct buf faults = {0};
    int rc = 0;
    if (strcmp(conf_str(conf, SET_ENVIRONMENT), "production") != 0) return 0;
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (secrets[i].is_needed || conf_is_set(conf, secrets[i].id)) add_fault(conf, secrets[i].id, &faults);
    if (faults.len > 0)
        rc = err_set(err, ERR_CONFIG, "%.*s. ENVIRONMENT=production needs random ones (openssl rand -hex 32)",
                     (int)faults.len, faults.data);
    buf_free(&faults);
    return rc;
}
