/* What the files of conf that load a configuration share. */
#ifndef LOGIKALD_CONF_CONF_INTERNAL_H
#define LOGIKALD_CONF_CONF_INTERNAL_H

#include "conf/conf.h"

#define CONF_VALUE_SIZE 4200 /* the longest setting and its NUL */

struct conf {
    char *value[SET_COUNT]; /* canonical text, never NULL once loaded */
    int64_t number[SET_COUNT];
    enum conf_source source[SET_COUNT];
    struct program *programs;
    int program_count;
};

/* Checks text and puts it in force. Errors as setting_check. */
int conf_set(struct conf *conf, enum setting_id id, const char *text, enum conf_source source, struct err *err);

int conf_read_file(struct conf *conf, const char *path, struct err *err);      /* libconfig */
int conf_read_env_file(struct conf *conf, const char *path, struct err *err);  /* NAME=value */
int conf_read_overrides(struct conf *conf, const char *path, struct err *err); /* key=value; may be missing */
int conf_read_environment(struct conf *conf, struct err *err);

struct config_setting_t; /* libconfig */
/* Reads one group of the `programs` list into p (zeroed by the caller, who calls program_free also on an error). */
int program_read(struct program *p, struct config_setting_t *group, struct err *err);

/* Replaces ${NAME} and ${NAME:-text} from the environment: a string for the caller to free(), or NULL with err. */
char *conf_expand(const char *text, struct err *err);

#endif
