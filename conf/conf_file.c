/* The configuration file (libconfig): settings in groups, and the list of programs. Every fault is told as file:line.
 */
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/conf_internal.h"
#include "conf/text_file.h"

#define PROGRAMS_MAX     64
#define FILE_LIMIT_BYTES (1024 * 1024)

static int at_line(struct err *err, const char *path, int line)
{
    err_prefix(err, "%s:%d", path, line);
    return -ERR_CONFIG;
}

static char *copy_text(const char *text, struct err *err)
{
    char *copy = strdup(text);
    if (!copy) err_set(err, ERR_NOMEM, "no memory for the configuration");
    return copy;
}

/* The value of a scalar as text; a string has its ${...} filled in. The caller frees it; NULL with err. */
static char *value_text(struct conf *conf, config_setting_t *s, enum setting_id id, struct err *err)
{
    char text[32];
    struct conf_names *used = settings[id].is_secret ? &conf->secret_names : &conf->plain_names;
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_STRING: return conf_expand(config_setting_get_string(s), used, err);
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        if (settings[id].type != SETTING_INT) break;
        snprintf(text, sizeof text, "%lld", config_setting_get_int64(s));
        return copy_text(text, err);
    case CONFIG_TYPE_BOOL:
        if (settings[id].type != SETTING_BOOL) break;
        return copy_text(config_setting_get_bool(s) ? "true" : "false", err);
    default: break;
    }
    static const char *const expected[] = {"text in quotes", "a whole number", "true or false", "text in quotes"};
    err_set(err, ERR_CONFIG, "%s has the wrong type: expected %s", settings[id].key, expected[settings[id].type]);
    return NULL;
}

static int read_value(struct conf *conf, const char *path, const char *key, config_setting_t *s, struct err *err)
{
    int id = setting_by_key(key);
    if (id < 0) {
        err_set(err, ERR_CONFIG, "unknown setting %s (`logikald defaults` lists them all)", key);
        return at_line(err, path, (int)config_setting_source_line(s));
    }
    char *text = value_text(conf, s, (enum setting_id)id, err);
    int rc = text ? conf_set(conf, (enum setting_id)id, text, SOURCE_FILE, err) : -1;
    free(text);
    return rc == 0 ? 0 : at_line(err, path, (int)config_setting_source_line(s));
}

static int read_programs(struct conf *conf, const char *path, config_setting_t *list, struct err *err)
{
    int line = (int)config_setting_source_line(list), count = config_setting_length(list);
    if (!config_setting_is_list(list) || count > PROGRAMS_MAX) {
        err_set(err, ERR_CONFIG, "programs expects a list ( {...}, {...} ) of at most %d groups", PROGRAMS_MAX);
        return at_line(err, path, line);
    }
    conf->programs = calloc((size_t)count + 1, sizeof *conf->programs);
    if (!conf->programs) return err_set(err, ERR_NOMEM, "no memory for the configuration");
    for (int i = 0; i < count; i++) {
        config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        struct program *p = &conf->programs[conf->program_count++];
        if (program_read(p, group, &conf->plain_names, err) != 0) return at_line(err, path, p->line);
        for (int k = 0; k < i; k++)
            if (strcmp(conf->programs[k].name, p->name) == 0) {
                err_set(err, ERR_CONFIG, "two programs are called %s", p->name);
                return at_line(err, path, p->line);
            }
    }
    return 0;
}

static int read_group(struct conf *conf, const char *path, config_setting_t *group, struct err *err)
{
    int count = config_setting_length(group);
    for (int i = 0; i < count; i++) {
        config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
        char key[128];
        snprintf(key, sizeof key, "%s.%s", config_setting_name(group), config_setting_name(s));
        int rc = read_value(conf, path, key, s, err);
        if (rc != 0) return rc;
    }
    return 0;
}

static int read_root(struct conf *conf, const char *path, config_setting_t *root, struct err *err)
{
    int count = config_setting_length(root);
    for (int i = 0; i < count; i++) {
        config_setting_t *s = config_setting_get_elem(root, (unsigned)i);
        const char *name = config_setting_name(s);
        int rc;
        if (strcmp(name, "programs") == 0)
            rc = read_programs(conf, path, s, err);
        else if (config_setting_is_group(s))
            rc = read_group(conf, path, s, err);
        else
            rc = read_value(conf, path, name, s, err);
        if (rc != 0) return rc;
    }
    return 0;
}

int conf_read_file(struct conf *conf, const char *path, struct err *err)
{
    struct buf text = {0};
    config_t config;
    config_init(&config);
    /* Read here: libconfig's scanner ends the process when a read fails. */
    int rc = text_file_read(path, "configuration file", FILE_LIMIT_BYTES, &text, err);
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, slash > path ? (size_t)(slash - path) : 1) : NULL;
    if (rc == 0 && slash && !directory) rc = err_set(err, ERR_NOMEM, "no memory for the configuration");
    if (directory) config_set_include_dir(&config, directory); /* @include is relative to where the file stands */
    free(directory);
    const char *start = text.data;
    if (rc == 0 && strncmp(start, "\xef\xbb\xbf", 3) == 0) start += 3; /* a byte order mark, which nobody sees */
    if (rc == 0 && config_read_string(&config, start) == CONFIG_TRUE) {
        rc = read_root(conf, path, config_root_setting(&config), err);
    } else if (rc == 0) {
        const char *file = config_error_file(&config);
        rc =
            err_set(err, ERR_CONFIG, "%s:%d: %s: expected name = value;", file ? file : path,
                    config_error_line(&config), config_error_text(&config) ? config_error_text(&config) : "unreadable");
    }
    config_destroy(&config);
    buf_free(&text);
    return rc;
}
