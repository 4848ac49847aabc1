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

/* A role's reload: what the paths in the environment name is loaded and takes the place of *conf, with level and format
 * of the log, unless it is faulty or accept (may be NULL) refuses it: then all stays, and that is logged. True when it
 * was taken. */
bool conf_reload(struct conf **conf, int (*accept)(void *arg, const struct conf *fresh, struct err *err), void *arg);
void conf_apply_log(const struct conf *conf); /* level and format of our own lines */

const char *conf_str(const struct conf *conf, enum setting_id id); /* never NULL; belongs to conf */
int64_t conf_int(const struct conf *conf, enum setting_id id);
bool conf_bool(const struct conf *conf, enum setting_id id);
bool conf_is_set(const struct conf *conf, enum setting_id id); /* not empty */
enum conf_source conf_source(const struct conf *conf, enum setting_id id);
const char *conf_source_name(enum conf_source source);
/* The value as it may be shown: secrets as "***" when set, passwords inside URLs masked. out is the caller's. */
const char *conf_shown(const struct conf *conf, enum setting_id id, char *out, size_t size);
/* All of them on standard output, each with where it comes from, and the programs. */
void conf_print(const struct conf *conf);

/* What is not wrong but should be known (an unknown name in the env file, a line end cut off a secret): lines, "" =
 * nothing; belongs to conf. conf_tell_notes logs them as warnings. */
const char *conf_notes(const struct conf *conf);
void conf_tell_notes(const struct conf *conf);

/* The variables that the file takes secrets from and nothing else. They are kept from whoever has no use for them. */
bool conf_is_secret_name(const struct conf *conf, const char *name);
int conf_secret_name_count(const struct conf *conf);
const char *conf_secret_name(const struct conf *conf, int index);
bool conf_add_secret_name(struct conf *conf, const char *name); /* false without memory */

/* What is in force, written so that conf_load reads it again with the same values and sources: nothing is left to fill
 * in or to include. users: secrets that none of these has use for are left out (~0u = all are there). */
struct buf;
void conf_write_file(const struct conf *conf, unsigned users, bool has_programs, struct buf *out);
void conf_write_env(const struct conf *conf, unsigned users, struct buf *out); /* as an env file */
void conf_write_overrides(const struct conf *conf, unsigned users, struct buf *out);

/* The run directory that these files and the environment name, also when the files are faulty otherwise: 0; or an error
 * when that cannot be told for sure. "" = the default (run_dir_default). */
int conf_run_dir(const struct conf_paths *paths, char *out, size_t size, struct err *err);
/* Where a supervisor of ours runs when nobody says where: the first of these that we can write to. Returns out. */
const char *conf_default_run_dir(char *out, size_t size);
/* All of them, the first being index 0; NULL when there are no more. */
const char *conf_default_run_dir_at(int index, char *out, size_t size);

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
