/* Settings as lines and variables: the env file (NAME=value), the environment, and the overrides of `ctl set`. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_internal.h"
#include "conf/text_file.h"

#define FILE_BYTES (1024 * 1024)

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char *skip_blanks(char *p)
{
    while (is_blank(*p)) p++;
    return p;
}

static const char *printable(const char *name, char out[61])
{
    snprintf(out, 61, "%.60s", name);
    for (char *p = out; *p; p++)
        if (!isprint((unsigned char)*p)) *p = '?';
    return out;
}

static int take_env_name(struct conf *conf, const char *name, const char *value, struct err *err)
{
    char shown[61];
    int id = setting_by_env(name);
    if (id < 0) { /* the file may be shared with others */
        conf_note(conf, "%s in the env file is not a setting of ours: it does nothing here", printable(name, shown));
        return 0;
    }
    if (!value[0]) return 0;
    if (conf_source(conf, (enum setting_id)id) == SOURCE_ENV_FILE)
        conf_note(conf, "%s stands more than once in the env file: its last line holds", settings[id].env);
    return conf_set(conf, (enum setting_id)id, value, SOURCE_ENV_FILE, err);
}

/* A value in quotes that begins at *p, in place: '...' as it is, in "..." a \ before ", \ and $ makes them plain. *p
 * moves behind it. */
static char *take_quoted(char **p, int *lines, struct err *err)
{
    char quote = **p, *start = *p + 1, *in = start, *to = start;
    for (; *in && *in != quote; in++) {
        if (quote == '"' && in[0] == '\\' && in[1] && strchr("\"\\$", in[1])) in++;
        if (*in == '\n') (*lines)++;
        *to++ = *in;
    }
    if (!*in) return err_set(err, ERR_CONFIG, "the closing %c is missing", quote), NULL;
    *to = 0;
    in = skip_blanks(in + 1);
    if (*in && *in != '\n' && *in != '#')
        return err_set(err, ERR_CONFIG, "something follows the closing %c", quote), NULL;
    *p = in + strcspn(in, "\n");
    return start;
}

/* A value without quotes: to the end of the line, or to a blank and a #. */
static char *take_plain(char **p)
{
    char *start = *p, *end = start + strcspn(start, "\n"), *stop = end;
    for (char *c = start; c < end; c++)
        if (*c == '#' && c > start && is_blank(c[-1])) {
            stop = c;
            break;
        }
    if (start[0] == '#' && start < end && is_blank(start[-1])) stop = start; /* NAME= # nothing but a comment */
    while (stop > start && is_blank(stop[-1])) stop--;
    *p = end;
    if (*end) (*p)++;
    *stop = 0;
    return start;
}

/* One NAME=value of an env file; *p moves to the next line. lines: how many it was. */
static int take_entry(struct conf *conf, char **p, int *lines, struct err *err)
{
    char *name = skip_blanks(*p);
    *lines = 1;
    if (strncmp(name, "export", 6) == 0 && is_blank(name[6])) name = skip_blanks(name + 6);
    size_t line_len = strcspn(name, "\n"), name_len = strcspn(name, "=\n");
    if (line_len == 0 || *name == '#') {
        *p = name + line_len + (name[line_len] != 0);
        return 0;
    }
    if (name_len == 0 || name[name_len] != '=') return err_set(err, ERR_CONFIG, "expected NAME=value");
    char *value = name + name_len + 1, *name_end = name + name_len;
    while (name_end > name && is_blank(name_end[-1])) name_end--;
    char *first = skip_blanks(value);
    bool is_quoted = *first == '"' || *first == '\'';
    *p = first;
    value = is_quoted ? take_quoted(p, lines, err) : take_plain(p);
    if (is_quoted && value && **p) (*p)++;
    *name_end = 0;
    return value ? take_env_name(conf, name, value, err) : -ERR_CONFIG;
}

int conf_read_env_file(struct conf *conf, const char *path, struct err *err)
{
    struct buf text = {0};
    int rc = text_file_read(path, "env file", FILE_BYTES, &text, err), number = 1, lines;
    char *p = text.data;
    if (rc == 0 && strncmp(p, "\xef\xbb\xbf", 3) == 0) p += 3; /* a byte order mark, which nobody sees */
    for (; rc == 0 && *p; number += lines) {
        rc = take_entry(conf, &p, &lines, err);
        if (rc != 0) err_prefix(err, "%s:%d", path, number);
    }
    if (text.data) explicit_bzero(text.data, text.len);
    buf_free(&text);
    return rc;
}

/* key=value, the value to the end of the line, whatever it holds: we have written it. */
static int take_override(struct conf *conf, char *line, struct err *err)
{
    char *equals = strchr(line, '=');
    if (!equals) return err_set(err, ERR_CONFIG, "expected key=value");
    *equals = 0;
    int id = setting_by_key(line);
    if (id < 0) id = setting_by_env(line);
    if (id < 0) return err_set(err, ERR_CONFIG, "unknown setting %.60s", line);
    return conf_set(conf, (enum setting_id)id, equals + 1, SOURCE_OVERRIDE, err);
}

int conf_read_overrides(struct conf *conf, const char *path, struct err *err)
{
    FILE *in = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    int rc = 0, number = 0;
    if (!in && errno == ENOENT) return 0;
    if (!in) return err_set(err, ERR_CONFIG, "cannot read the runtime settings %s: %s", path, strerror(errno));
    while (rc == 0 && getline(&line, &size, in) >= 0) {
        number++;
        line[strcspn(line, "\n")] = 0;
        if (line[0]) rc = take_override(conf, line, err);
        if (rc != 0) err_prefix(err, "%s:%d", path, number);
    }
    if (rc == 0 && !feof(in)) rc = err_set(err, ERR_CONFIG, "cannot read %s: %s", path, strerror(errno));
    if (line) explicit_bzero(line, size);
    free(line);
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
