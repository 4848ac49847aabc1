/* The configuration in force: loads its sources in order of precedence, and answers for each setting what it is and
 * where it came from. The readers of the sources are conf_file.c and conf_env.c; rules across settings conf_check.c. */
#include "conf/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_internal.h"
#include "conf/text/hide.h"
#include "conf/log.h"

#define SCHEME_LETTERS "abcdefghijklmnopqrstuvwxyz+"

void conf_note(struct conf *conf, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_str(&conf->notes, text);
    buf_char(&conf->notes, '\n');
}

/* True when a platform or a person has forgotten to fill in a ${...}. Where such a thing may be meant (a secret, a
 * command for a shell), only a value that is nothing else is taken for one. */
static bool is_unfilled(enum setting_id id, const char *text, enum conf_source source)
{
    size_t len = strlen(text);
    bool is_free = settings[id].is_secret && id != SET_DATABASE_URL && id != SET_REDIS_URL;
    if (source != SOURCE_ENV_FILE && source != SOURCE_ENVIRONMENT) return false; /* there $${ is how it is meant */
    if (id == SET_EVENTS_COMMAND) return false;
    if (!is_free) return strstr(text, "${") != NULL;
    return len > 3 && strncmp(text, "${", 2) == 0 && strchr(text, '}') == text + len - 1;
}

/* Files and `echo` end with a line end that nobody means. */
static const char *without_line_end(struct conf *conf, enum setting_id id, const char *text, char *room, size_t size)
{
    size_t len = strlen(text), kept = len;
    while (kept > 0 && (text[kept - 1] == '\n' || text[kept - 1] == '\r')) kept--;
    if (kept == len || kept >= size) return text;
    memcpy(room, text, kept);
    room[kept] = 0;
    conf_note(conf, "%s ended with a line end: it is not taken as part of the value", settings[id].key);
    return room;
}

int conf_set(struct conf *conf, enum setting_id id, const char *text, enum conf_source source, struct err *err)
{
    char canonical[CONF_VALUE_SIZE], room[CONF_VALUE_SIZE];
    if (id == SET_REDIS_URL) conf->is_redis_unfilled = is_unfilled(id, text, source);
    if (id == SET_REDIS_URL && conf->is_redis_unfilled) return 0; /* judged when it is known whether it is needed */
    if (is_unfilled(id, text, source))
        return err_set(err, ERR_CONFIG, "%s still holds a ${...} placeholder: the platform did not fill it in",
                       settings[id].key);
    int rc = setting_check(id, without_line_end(conf, id, text, room, sizeof room), canonical, sizeof canonical, err);
    explicit_bzero(room, sizeof room);
    if (rc != 0) return rc;
    char *copy = strdup(canonical);
    if (!copy) return err_set(err, ERR_NOMEM, "no memory for the configuration");
    free(conf->value[id]);
    conf->value[id] = copy;
    conf->source[id] = source;
    switch (settings[id].type) {
    case SETTING_INT: conf->number[id] = strtoll(copy, NULL, 10); break;
    case SETTING_BOOL: conf->number[id] = copy[0] == 't'; break;
    default: conf->number[id] = 0;
    }
    return 0;
}

struct conf_paths conf_paths_from_environment(void)
{
    struct conf_paths paths = {getenv(CONF_FILE_VAR), getenv(CONF_ENV_FILE_VAR), getenv(CONF_OVERRIDES_VAR)};
    if (paths.file && !paths.file[0]) paths.file = NULL;
    if (paths.env_file && !paths.env_file[0]) paths.env_file = NULL;
    if (paths.overrides && !paths.overrides[0]) paths.overrides = NULL;
    return paths;
}

static int load_defaults(struct conf *conf, struct err *err)
{
    for (int i = 0; i < SET_COUNT; i++) {
        int rc = conf_set(conf, (enum setting_id)i, settings[i].def, SOURCE_DEFAULT, err);
        if (rc != 0) return rc;
    }
    return 0;
}

/* REDIS_URL and REDIS_HOST name the same thing in two ways: the one from the later source counts. */
static int settle_redis(struct conf *conf, struct err *err)
{
    if (!conf_is_set(conf, SET_REDIS_HOST) || conf->source[SET_REDIS_HOST] <= conf->source[SET_REDIS_URL]) return 0;
    return conf_set(conf, SET_REDIS_URL, "", conf->source[SET_REDIS_HOST], err);
}

static int settle_run_dir(struct conf *conf, struct err *err)
{
    char path[128];
    if (conf_is_set(conf, SET_RUN_DIR)) return 0;
    return conf_set(conf, SET_RUN_DIR, conf_default_run_dir(path, sizeof path), SOURCE_DEFAULT, err);
}

/* A program that stands in for something real is not needed when the real one was named. */
static void settle_programs(struct conf *conf)
{
    for (int i = 0; i < conf->program_count; i++) {
        struct program *p = &conf->programs[i];
        for (char **name = p->unless_env; name && *name; name++) {
            int id = setting_by_env(*name);
            if (id >= 0 && conf->source[id] > SOURCE_FILE && conf_is_set(conf, (enum setting_id)id))
                p->is_skipped = true;
        }
    }
}

/* A deployment without Redis often keeps the variable that would name it: web alone, with scheduled sync off, needs
 * none. */
static int settle_unfilled(struct conf *conf, struct err *err)
{
    if (!conf->is_redis_unfilled) return 0;
    if (conf_bool(conf, SET_BACKGROUND_SYNC))
        return err_set(err, ERR_CONFIG, "REDIS_URL still holds a ${...} placeholder: the platform did not fill it in");
    conf_note(conf, "REDIS_URL still holds a ${...} placeholder: it is taken as not set, since scheduled sync is off");
    return 0;
}

static int load(struct conf *conf, const struct conf_paths *paths, struct err *err)
{
    int rc = load_defaults(conf, err);
    if (rc == 0 && paths->file) rc = conf_read_file(conf, paths->file, err);
    if (rc == 0 && paths->env_file) rc = conf_read_env_file(conf, paths->env_file, err);
    if (rc == 0) rc = conf_read_environment(conf, err);
    if (rc == 0 && paths->overrides) rc = conf_read_overrides(conf, paths->overrides, err);
    if (rc == 0) rc = settle_unfilled(conf, err);
    if (rc == 0) rc = settle_redis(conf, err);
    if (rc == 0) rc = settle_run_dir(conf, err);
    if (rc != 0) return rc;
    settle_programs(conf);
    return conf_check(conf, err);
}

struct conf *conf_load(const struct conf_paths *paths, struct err *err)
{
    struct conf *conf = calloc(1, sizeof *conf);
    if (!conf) return err_set(err, ERR_NOMEM, "no memory for the configuration"), NULL;
    if (load(conf, paths, err) == 0) return conf;
    conf_free(conf);
    return NULL;
}

void conf_free(struct conf *conf)
{
    if (!conf) return;
    for (int i = 0; i < SET_COUNT; i++) {
        if (conf->value[i] && settings[i].is_secret) explicit_bzero(conf->value[i], strlen(conf->value[i]));
        free(conf->value[i]);
    }
    for (int i = 0; i < conf->program_count; i++) program_free(&conf->programs[i]);
    free(conf->programs);
    conf_names_free(&conf->secret_names);
    conf_names_free(&conf->plain_names);
    buf_free(&conf->notes);
    free(conf);
}

void conf_apply_log(const struct conf *conf)
{
    log_set_level(log_level_of(conf_str(conf, SET_LOG_LEVEL)));
    log_set_format(strcmp(conf_str(conf, SET_LOG_FORMAT), "json") == 0 ? LOG_JSON : LOG_TEXT);
}

bool conf_reload(struct conf **conf, int (*accept)(void *arg, const struct conf *fresh, struct err *err), void *arg)
{
    struct err err = {0};
    struct conf_paths paths = conf_paths_from_environment();
    struct conf *fresh = conf_load(&paths, &err);
    if (!fresh || (accept && accept(arg, fresh, &err) != 0)) {
        log_error("configuration refused, the running one stays: %s", err.text);
        conf_free(fresh);
        return false;
    }
    conf_free(*conf);
    *conf = fresh;
    conf_apply_log(fresh);
    log_info("configuration reloaded");
    return true;
}

const char *conf_str(const struct conf *conf, enum setting_id id)
{
    return conf->value[id];
}

int64_t conf_int(const struct conf *conf, enum setting_id id)
{
    return conf->number[id];
}

bool conf_bool(const struct conf *conf, enum setting_id id)
{
    return conf->number[id] != 0;
}

bool conf_is_set(const struct conf *conf, enum setting_id id)
{
    return conf->value[id][0] != 0;
}

enum conf_source conf_source(const struct conf *conf, enum setting_id id)
{
    return conf->source[id];
}

const char *conf_source_name(enum conf_source source)
{
    static const char *const names[] = {"default", "file", "env file", "environment", "runtime"};
    return names[source];
}

/* A URL that somebody garbled may have its password anywhere: behind a colon, before an @, and not found. */
static bool is_garbled(const char *shown)
{
    const char *begin = strstr(shown, "://"), *at;
    if (!begin) return true; /* it was part of what is hidden */
    for (at = begin += 3; (at = strchr(at, '@')) != NULL; at++) {
        bool is_hidden = at - begin >= 3 && strncmp(at - 3, "***", 3) == 0;
        if (!is_hidden && memchr(begin, ':', (size_t)(at - begin))) return true;
    }
    return false;
}

static void add_hidden_one(struct buf *out, const char *url, bool is_secret)
{
    struct buf shown = {0};
    if (!hide_secrets(&shown, url, true)) buf_str(&shown, url);
    size_t scheme = strspn(url, SCHEME_LETTERS);
    if (shown.failed || (is_secret && is_garbled(shown.data)))
        buf_printf(out, "%.*s***", strncmp(url + scheme, "://", 3) == 0 ? (int)scheme + 3 : 0, url);
    else
        buf_add(out, shown.data, shown.len);
    buf_free(&shown);
}

/* Sentinels may stand without a scheme, between semicolons: the whole of such a one is hidden. */
static void add_hidden(struct buf *out, const char *urls, bool is_list, bool is_secret)
{
    char one[2100];
    for (size_t len; *urls; urls += len) {
        len = is_list ? strcspn(urls, ";") : strlen(urls);
        snprintf(one, sizeof one, "%.*s", (int)len, urls);
        if (!strstr(one, "://"))
            buf_str(out, one[0] ? "***" : "");
        else
            add_hidden_one(out, one, is_secret);
        if (urls[len] == ';') buf_char(out, urls[len++]);
    }
}

const char *conf_shown(const struct conf *conf, enum setting_id id, char *out, size_t size)
{
    const char *value = conf->value[id];
    bool may_be_url = !settings[id].is_secret || id == SET_DATABASE_URL || id == SET_REDIS_URL;
    struct buf shown = {0};
    if (may_be_url && strstr(value, "://")) {
        add_hidden(&shown, value, id == SET_REDIS_URL && strncmp(value, "sentinel", 8) == 0, settings[id].is_secret);
        snprintf(out, size, "%s", shown.data && !shown.failed ? shown.data : "***");
        buf_free(&shown);
    } else {
        snprintf(out, size, "%s", settings[id].is_secret && value[0] ? "***" : value);
    }
    return out;
}

void conf_print(const struct conf *conf)
{
    for (int i = 0; i < SET_COUNT; i++) {
        char shown[4096];
        enum setting_id id = (enum setting_id)i;
        printf("%-34s %-40s # %s\n", settings[i].key, conf_shown(conf, id, shown, sizeof shown),
               conf_source_name(conf_source(conf, id)));
    }
    for (int i = 0; i < conf_program_count(conf); i++)
        printf("program %s%s\n", conf_program(conf, i)->name, conf_program(conf, i)->is_skipped ? " (not run)" : "");
}

const char *conf_notes(const struct conf *conf)
{
    return conf->notes.data ? conf->notes.data : "";
}

void conf_tell_notes(const struct conf *conf)
{
    size_t len;
    for (const char *line = conf_notes(conf); *line; line += len + (line[len] != 0)) {
        len = strcspn(line, "\n");
        log_warning("%.*s", (int)len, line);
    }
}

bool conf_is_secret_name(const struct conf *conf, const char *name)
{
    return conf_names_has(&conf->secret_names, name) && !conf_names_has(&conf->plain_names, name);
}

int conf_secret_name_count(const struct conf *conf)
{
    return conf->secret_names.count;
}

const char *conf_secret_name(const struct conf *conf, int index)
{
    return conf->secret_names.list[index];
}

bool conf_add_secret_name(struct conf *conf, const char *name)
{
    return conf_names_add(&conf->secret_names, name);
}

int conf_diff(const struct conf *a, const struct conf *b, enum setting_id *out)
{
    int n = 0;
    for (int i = 0; i < SET_COUNT; i++)
        if (strcmp(a->value[i], b->value[i]) != 0) out[n++] = (enum setting_id)i;
    return n;
}

int conf_program_count(const struct conf *conf)
{
    return conf->program_count;
}

const struct program *conf_program(const struct conf *conf, int index)
{
    return &conf->programs[index];
}
