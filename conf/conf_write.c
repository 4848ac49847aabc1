/* The configuration in force, written out again: what a supervisor hands to its children, and to itself over an exec.
 * See conf.h. */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "conf/conf_internal.h"
#include "conf/program_keys.h"

void conf_write_text(struct buf *out, const char *text)
{
    buf_char(out, '"');
    for (const char *p = text; *p; p++) {
        if (p[0] == '$' && p[1] == '{') buf_char(out, '$');
        if (*p == '"' || *p == '\\') buf_char(out, '\\');
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            buf_printf(out, "\\x%02x", (unsigned char)*p);
        else
            buf_char(out, *p);
    }
    buf_char(out, '"');
}

static bool is_written(const struct conf *conf, int i, enum conf_source source, unsigned users)
{
    return conf->source[i] == source && (!settings[i].is_secret || (settings[i].users & users));
}

static void write_setting(const struct conf *conf, int i, const char *name, struct buf *out)
{
    buf_printf(out, "%s = ", name);
    switch (settings[i].type) {
    case SETTING_INT: buf_printf(out, "%" PRId64 "%s", conf->number[i], conf->number[i] > INT32_MAX ? "L" : ""); break;
    case SETTING_BOOL: buf_str(out, conf->number[i] ? "true" : "false"); break;
    default: conf_write_text(out, conf->value[i]);
    }
    buf_str(out, ";\n");
}

static void write_ready(const char *name, enum program_ready kind, const char *target, struct buf *out)
{
    struct buf text = {0};
    if (kind == READY_UNSAID) return;
    buf_str(&text, program_ready_words[kind]);
    if (target) buf_str(&text, target);
    buf_printf(out, "%s = ", name);
    if (text.failed)
        out->failed = true;
    else
        conf_write_text(out, text.data);
    buf_str(out, "; ");
    buf_free(&text);
}

static void write_list(const char *name, char **list, struct buf *out)
{
    buf_printf(out, "%s = ( ", name);
    for (char **p = list; p && *p; p++) {
        if (p > list) buf_str(out, ", ");
        conf_write_text(out, *p);
    }
    buf_str(out, " ); ");
}

static void write_key(const struct program *p, const struct program_key *key, struct buf *out)
{
    const void *member = (const char *)p + key->offset;
    int number = key->kind == KEY_INT || key->kind == KEY_UMASK || key->kind == KEY_SIGNAL ? *(const int *)member : 0;
    switch (key->kind) {
    case KEY_STR:
        if (!*(char *const *)member) return;
        buf_printf(out, "%s = ", key->name);
        conf_write_text(out, *(char *const *)member);
        buf_str(out, "; ");
        return;
    case KEY_LIST: write_list(key->name, *(char **const *)member, out); return;
    case KEY_INT:
        if (number) buf_printf(out, "%s = %d; ", key->name, number); /* 0 = not said */
        return;
    case KEY_I64:
        if (*(const int64_t *)member >= 0) buf_printf(out, "%s = %" PRId64 "L; ", key->name, *(const int64_t *)member);
        return;
    case KEY_BOOL:
    case KEY_NOT:
        buf_printf(out, "%s = %s; ", key->name, *(const bool *)member == (key->kind == KEY_BOOL) ? "true" : "false");
        return;
    case KEY_UMASK:
        if (number >= 0) buf_printf(out, "%s = \"%o\"; ", key->name, (unsigned)number);
        return;
    case KEY_SIGNAL: buf_printf(out, "%s = \"%s\"; ", key->name, sigabbrev_np(number)); return;
    case KEY_RESTART: buf_printf(out, "%s = \"%s\"; ", key->name, program_restart_words[p->restart]); return;
    case KEY_READY:
        if (member == &p->live)
            write_ready(key->name, p->live, p->live_target, out);
        else
            write_ready(key->name, p->ready, p->ready_target, out);
    }
}

/* As a group that program_read reads again. */
static void program_write(const struct program *p, struct buf *out)
{
    buf_str(out, "{ ");
    for (int i = 0; i < PROGRAM_KEYS; i++) write_key(p, &program_keys[i], out);
    buf_str(out, "}");
}

void conf_write_file(const struct conf *conf, unsigned users, bool has_programs, struct buf *out)
{
    const char *group = "";
    int group_len = 0;
    buf_str(out, "");
    for (int i = 0; i < SET_COUNT; i++) {
        if (!is_written(conf, i, SOURCE_FILE, users)) continue;
        const char *dot = strchr(settings[i].key, '.');
        int len = dot ? (int)(dot - settings[i].key) : 0;
        if (len != group_len || strncmp(group, settings[i].key, (size_t)len) != 0) {
            if (group_len) buf_str(out, "};\n");
            if (len) buf_printf(out, "%.*s = {\n", len, settings[i].key);
            group = settings[i].key;
            group_len = len;
        }
        write_setting(conf, i, dot ? dot + 1 : settings[i].key, out);
    }
    if (group_len) buf_str(out, "};\n");
    if (!has_programs || conf->program_count == 0) return;
    buf_str(out, "programs = (\n");
    for (int i = 0; i < conf->program_count; i++) {
        if (i > 0) buf_str(out, ",\n");
        program_write(&conf->programs[i], out);
    }
    buf_str(out, " );\n");
}

void conf_write_env(const struct conf *conf, unsigned users, struct buf *out)
{
    buf_str(out, "");
    for (int i = 0; i < SET_COUNT; i++) {
        if (!is_written(conf, i, SOURCE_ENV_FILE, users)) continue;
        buf_printf(out, "%s=\"", settings[i].env);
        for (const char *p = conf->value[i]; *p; p++) {
            if (strchr("\"\\$", *p)) buf_char(out, '\\');
            buf_char(out, *p);
        }
        buf_str(out, "\"\n");
    }
}

void conf_write_overrides(const struct conf *conf, unsigned users, struct buf *out)
{
    buf_str(out, "");
    for (int i = 0; i < SET_COUNT; i++)
        if (is_written(conf, i, SOURCE_OVERRIDE, users)) buf_printf(out, "%s=%s\n", settings[i].key, conf->value[i]);
}
