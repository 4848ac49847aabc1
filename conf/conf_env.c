/* Settings as lines and variables: the env file (NAME=value), the environment, and the overrides of `ctl set`. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_internal.h"

typedef int (*line_fn)(struct conf *conf, char *name, char *value, struct err *err);

static char *trim(char *text)
{
    while (isspace((unsigned char)*text)) text++;
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1])) text[--len] = 0;
    return text;
}

/* Takes the quotes off a value; an opening quote without its partner is an error. */
static char *unquote(char *value, struct err *err)
{
    char quote = value[0];
    if (quote != '"' && quote != '\'') return value;
    size_t len = strlen(value);
    if (len < 2 || value[len - 1] != quote) {
        err_set(err, ERR_CONFIG, "the closing %c is missing", quote);
        return NULL;
    }
    value[len - 1] = 0;
    return value + 1;
}

static int take_line(struct conf *conf, char *line, line_fn take, struct err *err)
{
    char *text = trim(line);
    if (!*text || *text == '#') return 0;
    if (strncmp(text, "export ", 7) == 0) text = trim(text + 7);
    char *equals = strchr(text, '=');
    if (!equals || equals == text) return err_set(err, ERR_CONFIG, "expected NAME=value");
    *equals = 0;
    char *value = unquote(trim(equals + 1), err);
    return value ? take(conf, trim(text), value, err) : -ERR_CONFIG;
}

static int read_lines(struct conf *conf, const char *path, FILE *in, line_fn take, struct err *err)
{
    char *line = NULL;
    size_t size = 0;
    int rc = 0, number = 0;
    while (rc == 0 && getline(&line, &size, in) >= 0) {
        number++;
        if (strlen(line) > CONF_VALUE_SIZE + 200)
            rc = err_set(err, ERR_LIMIT, "the line is too long");
        else
            rc = take_line(conf, line, take, err);
        if (rc != 0) err_prefix(err, "%s:%d", path, number);
    }
    if (rc == 0 && !feof(in)) rc = err_set(err, ERR_CONFIG, "cannot read %s: %s", path, strerror(errno));
    if (line) explicit_bzero(line, size);
    free(line);
    return rc;
}

static int take_env_name(struct conf *conf, char *name, char *value, struct err *err)
{
    int id = setting_by_env(name);
    if (id < 0)
        return err_set(err, ERR_CONFIG, "unknown name %.60s (`logikald --help` lists the names that are read)", name);
    if (!value[0]) return 0;
    return conf_set(conf, (enum setting_id)id, value, SOURCE_ENV_FILE, err);
}

static int take_override(struct conf *conf, char *name, char *value, struct err *err)
{
    int id = setting_by_key(name);
    if (id < 0) id = setting_by_env(name);
    if (id < 0) return err_set(err, ERR_CONFIG, "unknown setting %.60s", name);
    return conf_set(conf, (enum setting_id)id, value, SOURCE_OVERRIDE, err);
}

int conf_read_env_file(struct conf *conf, const char *path, struct err *err)
{
    FILE *in = fopen(path, "re");
    if (!in) return err_set(err, ERR_CONFIG, "cannot read the env file %s: %s", path, strerror(errno));
    int rc = read_lines(conf, path, in, take_env_name, err);
    fclose(in);
    return rc;
}

int conf_read_overrides(struct conf *conf, const char *path, struct err *err)
{
    FILE *in = fopen(path, "re");
    if (!in && errno == ENOENT) return 0;
    if (!in) return err_set(err, ERR_CONFIG, "cannot read the runtime settings %s: %s", path, strerror(errno));
    int rc = read_lines(conf, path, in, take_override, err);
    fclose(in);
    return rc;
}

/* An empty variable counts as not set: platforms and compose files pass on names that nobody filled in. */
int conf_read_environment(struct conf *conf, struct err *err)
{
    for (int i = 0; i < SET_COUNT; i++) {
        const char *value = settings[i].env[0] ? getenv(settings[i].env) : NULL;
        if (!value || !value[0]) continue;
        int rc = conf_set(conf, (enum setting_id)i, value, SOURCE_ENVIRONMENT, err);
        if (rc != 0) {
            err_prefix(err, "environment %s", settings[i].env);
            return rc;
        }
    }
    return 0;
}
