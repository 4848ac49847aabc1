/* Files of the configuration for a test: see settings.h. */
#include "tests/support/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings_paths settings_at = {.dir = "/tmp/test-conf-XXXXXX"};

const char *settings_write(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    return path;
}

int settings_start(void **state __attribute__((unused)))
{
    clearenv();
    if (access(settings_at.dir, F_OK) != 0 && !mkdtemp(settings_at.dir)) return -1;
    snprintf(settings_at.file, sizeof settings_at.file, "%s/a.cfg", settings_at.dir);
    snprintf(settings_at.env_file, sizeof settings_at.env_file, "%s/a.env", settings_at.dir);
    snprintf(settings_at.overrides, sizeof settings_at.overrides, "%s/overrides", settings_at.dir);
    return 0;
}

int settings_stop(void **state __attribute__((unused)))
{
    unlink(settings_at.file);
    unlink(settings_at.env_file);
    unlink(settings_at.overrides);
    return rmdir(settings_at.dir);
}

struct conf *settings_load(const char *text, struct err *err)
{
    return conf_load(&(struct conf_paths){.file = settings_write(settings_at.file, text)}, err);
}
