/* Settings: what they are called, what they may hold, where each value came from. The table is settings.def; this room
 * reads it, checks a value against its row, and prints what is generated from it. Loading is conf/conf.h. */
#ifndef LOGIKALD_CONF_SETTINGS_H
#define LOGIKALD_CONF_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/err.h"

enum setting_id {
#define S(id, ...) SET_##id,
#include "conf/settings.def"
#undef S
    SET_COUNT
};

enum setting_type { SETTING_STR, SETTING_INT, SETTING_BOOL, SETTING_CHOICE };
enum setting_reload { SETTING_LIVE, SETTING_REPLACE, SETTING_RESTART };
enum setting_user { USER_WEB = 1, USER_WORKER = 2, USER_BEAT = 4, USER_SUPERVISOR = 8, USER_TOOL = 16 };

struct setting {
    const char *key;     /* in the file: "group.name" or "name" */
    const char *env;     /* in the environment, or "" */
    const char *def;     /* default, as text */
    const char *choices; /* "a|b|c" for SETTING_CHOICE */
    const char *help;
    int64_t min, max; /* of an integer, or of a string's length in bytes */
    enum setting_type type;
    enum setting_reload reload;
    unsigned users; /* enum setting_user, or'ed */
    bool is_secret;
};

extern const struct setting settings[SET_COUNT];

/* The row with this key or environment name, or -1. */
int setting_by_key(const char *key);
int setting_by_env(const char *env);

/* Checks text against the row and writes its canonical form ("true", "8001") to out. On a fault the error says what was
 * expected, and shows the offending text unless the setting is a secret. */
int setting_check(enum setting_id id, const char *text, char *out, size_t out_size, struct err *err);

/* The generated documents: conf/logikald.cfg, docs/configuration.md, the table in --help. */
void settings_print_cfg(FILE *out);
void settings_print_markdown(FILE *out);
void settings_print_help(FILE *out);

#endif
