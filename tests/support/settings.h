/* Files of the configuration for a test: in a directory of its own, without anything in the environment. */
#ifndef LOGIKALD_TESTS_SUPPORT_SETTINGS_H
#define LOGIKALD_TESTS_SUPPORT_SETTINGS_H

#include "conf/conf.h"
#include "tests/support/test.h"

extern struct settings_paths {
    char dir[32], file[128], env_file[128], overrides[128];
} settings_at;

const char *settings_write(const char *path, const char *text);
int settings_start(void **state);
int settings_stop(void **state);
struct conf *settings_load(const char *text, struct err *err);

#endif
