/* Rules that span settings or look inside a value. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/text/buf.h"
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
    static const char *const http[] = {"http://", "https://", NULL};
    if (conf_is_set(conf, SET_DATABASE_URL) && !starts_with_one_of(conf_str(conf, SET_DATABASE_URL), postgres))
        return err_set(err, ERR_CONFIG, "DATABASE_URL expects postgres://... or postgresql://...");
    if (conf_is_set(conf, SET_REDIS_URL) && !starts_with_one_of(conf_str(conf, SET_REDIS_URL), redis))
        return err_set(err, ERR_CONFIG,
                       "REDIS_URL expects redis://..., rediss://... (TLS), unix://... or sentinel://..., or the same "
                       "as valkey://, valkeys://, redis+socket://, sentinels://");
    if (starts_with_one_of(conf_str(conf, SET_REDIS_URL), &redis[7]) && !conf_is_set(conf, SET_REDIS_MASTER) &&
        !strstr(conf_str(conf, SET_REDIS_URL), "master_name="))
        return err_set(err, ERR_CONFIG,
                       "REDIS_URL names Sentinels: REDIS_MASTER_NAME must say what they call the server, for instance "
                       "mymaster");
    if (conf_is_set(conf, SET_LOGIKAL_URL) && !starts_with_one_of(conf_str(conf, SET_LOGIKAL_URL), http))
        return err_set(err, ERR_CONFIG, "LOGIKAL_API_BASE_URL expects http://... or https://...");
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
    if (rc == 0) rc = check_steps(conf, err);
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
    size_t least = settings[id].env && strstr(settings[id].env, "PASSWORD") ? PASSWORD_LEAST : KEY_LEAST;
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
                   {SET_ADMIN_PASSWORD, true},       {SET_VIEWER_PASSWORD, false}};
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
