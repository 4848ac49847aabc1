/* Settings: the table from settings.def, and the check of one value. */
#include "conf/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define W USER_WEB
#define K USER_WORKER
#define B USER_BEAT
#define V USER_SUPERVISOR
#define M USER_TOOL
const struct setting settings[SET_COUNT] = {
#define S(id_, key_, env_, type_, min_, max_, def_, secret_, users_, reload_, choices_, help_)                         \
    [SET_##id_] = {.key = (key_),                                                                                      \
                   .env = (env_),                                                                                      \
                   .type = SETTING_##type_,                                                                            \
                   .min = (min_),                                                                                      \
                   .max = (max_),                                                                                      \
                   .def = (def_),                                                                                      \
                   .is_secret = (secret_),                                                                             \
                   .users = (users_),                                                                                  \
                   .reload = SETTING_##reload_,                                                                        \
                   .choices = (choices_),                                                                              \
                   .help = (help_)},
#include "conf/settings.def"
#undef S
};
#undef W
#undef K
#undef B
#undef V
#undef M

int setting_by_key(const char *key)
{
    for (int i = 0; i < SET_COUNT; i++)
        if (strcmp(settings[i].key, key) == 0) return i;
    return -1;
}

int setting_by_env(const char *env)
{
    for (int i = 0; i < SET_COUNT; i++)
        if (settings[i].env[0] && strcmp(settings[i].env, env) == 0) return i;
    return -1;
}

/* " (got ...)" for an error text; empty for a secret. Keeps the text short and printable. */
static const char *shown(const struct setting *s, const char *text, char out[80])
{
    out[0] = 0;
    if (s->is_secret) return out;
    int n = snprintf(out, 80, " (got \"%.48s%s\")", text, strlen(text) > 48 ? "..." : "");
    for (int i = 0; i < n && i < 79; i++)
        if ((unsigned char)out[i] < 0x20) out[i] = '?';
    return out;
}

/* Sizes may come with a unit, as PostgreSQL's settings do: 1kB is 1024 bytes. Where it ends; v is multiplied. */
static char *take_unit(const struct setting *s, char *end, long long *v)
{
    static const char *const units[][3] = {
        {"kB", "KB", "KiB"}, {"MB", "mB", "MiB"}, {"GB", "gB", "GiB"}, {"TB", "tB", "TiB"}};
    size_t len = strlen(s->key);
    if (len < 6 || strcmp(s->key + len - 6, "_bytes") != 0) return end;
    const char *text = end + (*end == ' ');
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 3; k++)
            if (strcmp(text, units[i][k]) == 0 && *v <= INT64_MAX >> (10 * (i + 1)) && *v >= 0) {
                *v <<= 10 * (i + 1);
                return end + strlen(end);
            }
    return end;
}

static int check_int(const struct setting *s, const char *text, char *out, size_t size, struct err *err)
{
    char got[80], *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end != text && *end) end = take_unit(s, end, &v);
    if (end == text || *end || errno || text[0] == ' ')
        return err_set(err, ERR_CONFIG, "%s expects a whole number from %" PRId64 " to %" PRId64 "%s", s->key, s->min,
                       s->max, shown(s, text, got));
    if (v < s->min || v > s->max)
        return err_set(err, ERR_CONFIG, "%s is out of range: expected %" PRId64 " to %" PRId64 "%s", s->key, s->min,
                       s->max, shown(s, text, got));
    snprintf(out, size, "%lld", v);
    return 0;
}

static int check_bool(const struct setting *s, const char *text, char *out, size_t size, struct err *err)
{
    static const char *const yes[] = {"true", "1", "yes", "on"}, *const no[] = {"false", "0", "no", "off", ""};
    char got[80];
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (strcasecmp(text, yes[i]) == 0) {
            snprintf(out, size, "true");
            return 0;
        }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (strcasecmp(text, no[i]) == 0) {
            snprintf(out, size, "false");
            return 0;
        }
    return err_set(err, ERR_CONFIG, "%s expects true or false (also 1/0, yes/no, on/off)%s", s->key,
                   shown(s, text, got));
}

static int check_choice(const struct setting *s, const char *text, char *out, size_t size, struct err *err)
{
    char got[80];
    size_t len = strlen(text);
    for (const char *p = s->choices; *p;) {
        size_t n = strcspn(p, "|");
        if (n == len && strncasecmp(p, text, n) == 0) {
            snprintf(out, size, "%.*s", (int)n, p);
            return 0;
        }
        p += n + (p[n] == '|');
    }
    return err_set(err, ERR_CONFIG, "%s expects one of %s%s", s->key, s->choices, shown(s, text, got));
}

static int check_str(const struct setting *s, const char *text, char *out, size_t size, struct err *err)
{
    size_t len = strlen(text);
    if ((int64_t)len < s->min || (int64_t)len > s->max)
        return err_set(err, ERR_CONFIG, "%s expects %" PRId64 " to %" PRId64 " bytes of text, got %zu", s->key, s->min,
                       s->max, len);
    if (len >= size) return err_set(err, ERR_CONFIG, "%s is too long", s->key);
    memcpy(out, text, len + 1);
    return 0;
}

int setting_check(enum setting_id id, const char *text, char *out, size_t out_size, struct err *err)
{
    const struct setting *s = &settings[id];
    switch (s->type) {
    case SETTING_INT: return check_int(s, text, out, out_size, err);
    case SETTING_BOOL: return check_bool(s, text, out, out_size, err);
    case SETTING_CHOICE: return check_choice(s, text, out, out_size, err);
    case SETTING_STR: break;
    }
    return check_str(s, text, out, out_size, err);
}
