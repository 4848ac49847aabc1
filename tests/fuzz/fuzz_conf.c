/* The configuration: the first byte chooses the source (file, env file, overrides), the rest is its text. What is
 * refused says why; what is taken has every setting within its range and shows no secret. short run: 5000 */
#include "conf/text/buf.h"
#include "conf/conf.h"

#include "tests/fuzz/fuzz.h"

/* True when "hunter2" stands in it as a password and nowhere else. */
static bool has_password(const char *url)
{
    const char *at = strstr(url, "hunter2");
    bool is_found = at != NULL;
    for (; at; at = strstr(at + 1, "hunter2")) {
        bool in_authority = at > url && at[-1] == ':' && at[7] == '@';
        bool in_query = at - url >= 9 && memcmp(at - 9, "password=", 9) == 0;
        is_found &= in_authority || in_query;
    }
    return is_found;
}

static void check(const struct conf *conf)
{
    char shown[8192];
    for (int i = 0; i < SET_COUNT; i++) {
        enum setting_id id = (enum setting_id)i;
        const char *value = conf_str(conf, id);
        PROMISE(value && conf_shown(conf, id, shown, sizeof shown));
        if (settings[id].type == SETTING_INT)
            PROMISE(conf_int(conf, id) >= settings[id].min && conf_int(conf, id) <= settings[id].max);
        bool is_url = id == SET_DATABASE_URL || id == SET_REDIS_URL;
        if (settings[id].is_secret && !is_url) PROMISE(strcmp(shown, *value ? "***" : "") == 0);
        if (is_url && strstr(value, "://") && has_password(value)) PROMISE(!strstr(shown, "hunter2"));
    }
    for (int i = 0; i < conf_program_count(conf); i++) {
        const struct program *p = conf_program(conf, i);
        PROMISE(p->name && *p->name && p->command && p->command[0] && program_equal(p, p));
    }
}

/* What is written out reads the same: it is what children and the program after an exec get. */
static void check_written(const struct conf *conf)
{
    struct buf texts[3] = {{0}, {0}, {0}};
    char names[3][32];
    int fds[3];
    struct err err = {0};
    conf_write_file(conf, ~0u, true, &texts[0]);
    conf_write_env(conf, ~0u, &texts[1]);
    conf_write_overrides(conf, ~0u, &texts[2]);
    for (int i = 0; i < 3; i++) {
        PROMISE(!texts[i].failed);
        fds[i] = fuzz_file((const uint8_t *)texts[i].data, texts[i].len, names[i], sizeof names[i]);
    }
    struct conf *again = conf_load(&(struct conf_paths){names[0], names[1], names[2]}, &err);
    if (!again) fprintf(stderr, "%s\n%s\n%s\n%s\n", err.text, texts[0].data, texts[1].data, texts[2].data);
    PROMISE(again);
    for (int i = 0; i < SET_COUNT; i++) {
        enum setting_id id = (enum setting_id)i;
        PROMISE(strcmp(conf_str(conf, id), conf_str(again, id)) == 0);
    }
    PROMISE(conf_program_count(conf) == conf_program_count(again));
    for (int i = 0; i < conf_program_count(conf); i++)
        PROMISE(program_equal(conf_program(conf, i), conf_program(again, i)));
    conf_free(again);
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
        buf_free(&texts[i]);
    }
}

/* libconfig 1.5 forgets the text of a string that does not end, or that stands where none may be; the bytes of it for a
 * refused file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    /* libconfig's @include reads files by name: those of the machine are none of our business here */
    if (memmem(data, size, "include", 7)) return 0;
    char path[32];
    int fd = fuzz_file(data + 1, size - 1, path, sizeof path);
    struct conf_paths paths = {0};
    struct err err = {0};
    *(data[0] % 3 == 0 ? &paths.file : data[0] % 3 == 1 ? &paths.env_file : &paths.overrides) = path;
    struct conf *conf = conf_load(&paths, &err);
    PROMISE(conf || err.text[0]);
    if (conf) check(conf);
    if (conf) check_written(conf);
    conf_free(conf);
    close(fd);
    return 0;
}
