/* Where the run directory is, when nobody says it, and when it stands in a file that is faulty: whoever wants to talk
 * to a supervisor must not reach another one. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf_internal.h"
#include "conf/text_file.h"

#define TEXT_BYTES (1024 * 1024)

static bool is_ours(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && access(path, W_OK) == 0;
}

const char *conf_default_run_dir_at(int index, char *out, size_t size)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    switch (index) {
    case 0: snprintf(out, size, "%s/logikald", xdg && xdg[0] == '/' ? xdg : "/run"); break;
    case 1: snprintf(out, size, "/run/logikald"); break;
    case 2: snprintf(out, size, "/run/user/%u/logikald", (unsigned)geteuid()); break;
    case 3: snprintf(out, size, "/tmp/logikald"); break;
    default: return NULL;
    }
    return out;
}

const char *conf_default_run_dir(char *out, size_t size)
{
    char parent[256];
    for (int i = 0; conf_default_run_dir_at(i, out, size); i++) {
        snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(out, '/') - out), out);
        if (strlen(out) <= (size_t)settings[SET_RUN_DIR].max &&
            (is_ours(out) || (is_ours(parent) && access(out, F_OK) != 0)))
            return out;
    }
    return out; /* the last one is taken as it is */
}

/* The text after = or : in quotes (or plain, in an env file) behind each mention of word; false when there are several
 * that differ. */
static bool find_value(const char *text, const char *word, char *out, size_t size)
{
    size_t len = strlen(word);
    out[0] = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line != 0) {
        const char *end = line + strcspn(line, "\n"), *at = line;
        while (at < end && (isspace((unsigned char)*at) || *at == '{' || *at == ';')) at++;
        if (strncmp(at, "export ", 7) == 0) at += 7;
        if (*at == '#' || strncmp(at, "//", 2) == 0) continue;
        at = memmem(line, (size_t)(end - line), word, len);
        if (!at) continue;
        at += len;
        while (at < end && isspace((unsigned char)*at)) at++;
        if (at >= end || (*at != '=' && *at != ':')) continue;
        at++;
        while (at < end && isspace((unsigned char)*at)) at++;
        bool is_quoted = at < end && (*at == '"' || *at == '\'');
        const char *value = at + is_quoted;
        size_t n = 0;
        while (value + n < end && (is_quoted ? value[n] != *at : !isspace((unsigned char)value[n]))) n++;
        if (n >= size || (out[0] && (strncmp(out, value, n) != 0 || out[n]))) return false;
        snprintf(out, size, "%.*s", (int)n, value);
    }
    return true;
}

/* 1 = found, 0 = the file does not name one, -1 = it cannot be told. */
static int look_into(const char *path, const char *word, char *out, size_t size)
{
    char found[256];
    struct buf text = {0};
    if (!path) return 0;
    bool is_read = text_file_read(path, "file", TEXT_BYTES, &text, NULL) == 0;
    bool is_clear = is_read && find_value(text.data, word, found, sizeof found);
    bool has_more = is_clear && !found[0] && strstr(text.data, "@include");
    buf_free(&text);
    if (!is_clear || has_more) return -1;
    if (!found[0]) return 0;
    char *full = conf_expand(found, NULL, NULL);
    bool fits = full && strlen(full) < size;
    if (fits) snprintf(out, size, "%s", full);
    free(full);
    return fits ? 1 : -1;
}

int conf_run_dir(const struct conf_paths *paths, char *out, size_t size, struct err *err)
{
    const char *named = getenv(settings[SET_RUN_DIR].env);
    struct conf *conf = named && named[0] ? NULL : conf_load(paths, NULL);
    out[0] = 0;
    if (named && named[0]) {
        snprintf(out, size, "%s", named);
    } else if (conf) {
        if (conf_source(conf, SET_RUN_DIR) != SOURCE_DEFAULT) snprintf(out, size, "%s", conf_str(conf, SET_RUN_DIR));
    } else {
        int found = look_into(paths->env_file, settings[SET_RUN_DIR].env, out, size);
        if (found == 0) found = look_into(paths->file, "run_dir", out, size);
        if (found < 0)
            return err_set(err, ERR_CONFIG,
                           "the configuration is faulty, and it cannot be told which run directory it names: set "
                           "LOGIKALD_RUN_DIR");
    }
    conf_free(conf);
    return 0;
}
