/* The configuration in force: every setting with its value and where it came from, and the [program] entries.
 *
 * Order of precedence: defaults < file < env file < environment < overrides (written by `ctl set`, gone with the
 * supervisor). A configuration is immutable once loaded; a reload loads a new one and swaps. Loading reports the first
 * fault as "file:line: what is wrong, what was expected" and never prints a secret. */
#ifndef LOGIKALD_CONF_CONF_H
#define LOGIKALD_CONF_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/err.h"
#include "conf/program.h"
#include "conf/settings.h"

enum conf_source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENV_FILE, SOURCE_ENVIRONMENT, SOURCE_OVERRIDE };

/* Where to load from; any path may be NULL. Strings are borrowed and must outlive only the call. */
struct conf_paths {
    const char *file;      /* libconfig; missing is an error when given */
    const char *env_file;  /* NAME=value lines, # comments, optional quotes; missing is an error when given */
    const char *overrides; /* key=value lines; a missing file means no overrides */
};

/* Environment names by which a supervisor hands the paths to its children. */
#define CONF_ENV_FILE_VAR  "LOGIKALD_ENV_FILE"
#define CONF_FILE_VAR      "LOGIKALD_CONFIG"
#define CONF_OVERRIDES_VAR "LOGIKALD_OVERRIDES"

struct conf;

/* The paths from the variables above. */
struct conf_paths conf_paths_from_environment(void);

/* A new configuration that the caller frees, or NULL with err. Reads files; does not block otherwise. */
struct conf *conf_load(const struct conf_paths *paths, struct err *err);
void conf_free(struct conf *conf); /* NULL is fine */

const char *conf_str(const struct conf *conf, enum setting_id id); /* never NULL; belongs to conf */
int64_t conf_int(const struct conf *conf, enum setting_id id);
bool conf_bool(const struct conf *conf, enum setting_id id);
bool conf_is_set(const struct conf *conf, enum setting_id id); /* not empty */
enum conf_source conf_source(const struct conf *conf, enum setting_id id);
const char *conf_source_name(enum conf_source source);
/* The value as it may be shown: secrets as "***" when set, passwords inside URLs masked. out is the caller's. */
const char *conf_shown(const struct conf *conf, enum setting_id id, char *out, size_t size);

/* Ids whose values differ between a and b, into out (SET_COUNT entries); returns how many. */
int conf_diff(const struct conf *a, const struct conf *b, enum setting_id *out);

/* The [program] entries of the file; belong to conf. */
int conf_program_count(const struct conf *conf);
const struct program *conf_program(const struct conf *conf, int index);

/* Rules that span settings (URL schemes, limits in order): 0, or an error that names the setting. conf_load does it. */
int conf_check(const struct conf *conf, struct err *err);
/* What serving HTTP needs besides: in production, long random secrets and an administrator's password. For the
 * supervisor, before it starts or reloads, and for web itself. */
int conf_check_web(const struct conf *conf, struct err *err);

#endif
