/* What the files of conf that load a configuration share. */
#ifndef LOGIKALD_CONF_CONF_INTERNAL_H
#define LOGIKALD_CONF_CONF_INTERNAL_H

#include "conf/text/buf.h"
#include "conf/conf.h"

#define CONF_VALUE_SIZE 4200 /* the longest setting and its NUL */

/* Names of environment variables. */
struct conf_names {
    char **list;
    int count;
};
bool conf_names_add(struct conf_names *names, const char *name); /* false without memory */
bool conf_names_has(const struct conf_names *names, const char *name);
void conf_names_free(struct conf_names *names);

struct conf {
    char *value[SET_COUNT]; /* canonical text, never NULL once loaded */
    int64_t number[SET_COUNT];
    enum conf_source source[SET_COUNT];
    struct program *programs;
    int program_count;
    struct conf_names secret_names; /* variables that the file takes secrets from */
    struct conf_names plain_names;  /* and those that it takes other things from */
    bool is_redis_unfilled;         /* REDIS_URL is a placeholder that the platform has not filled in */
    struct buf notes;               /* lines for whoever loaded it */
};

/* A line that is told once, at the load: nothing is wrong enough to refuse it. */
void conf_note(struct conf *conf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Checks text and puts it in force. Errors as setting_check. */
int conf_set(struct conf *conf, enum setting_id id, const char *text, enum conf_source source, struct err *err);

int conf_read_file(struct conf *conf, const char *path, struct err *err);      /* libconfig */
int conf_read_env_file(struct conf *conf, const char *path, struct err *err);  /* NAME=value */
int conf_read_overrides(struct conf *conf, const char *path, struct err *err); /* key=value; may be missing */
int conf_read_environment(struct conf *conf, struct err *err);

struct config_setting_t; /* libconfig */
/* Reads one group of the `programs` list into p (zeroed by the caller, who calls program_free also on an error). used:
 * gets the variables that it is made of, but for those that only its environment is. */
int program_read(struct program *p, struct config_setting_t *group, struct conf_names *used, struct err *err);

/* Replaces ${NAME} and ${NAME:-text} from the environment, and $${ by ${: a string for the caller to free(), or NULL
 * with err. used: gets the names; may be NULL. */
char *conf_expand(const char *text, struct conf_names *used, struct err *err);

/* A text in quotes as libconfig and conf_expand read it. */
void conf_write_text(struct buf *out, const char *text);

#endif
