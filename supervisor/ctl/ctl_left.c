/* The configuration of a supervisor that runs and does not answer (it is stopped by a signal, or hangs): what it gave
 * to web, in the run directory, and the settings that stand in its environment. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/settings.h"
#include "supervisor/ctl/ctl_internal.h"
#include "supervisor/system/run_dir.h"

#define ENVIRONMENT_BYTES (1024 * 1024)

static int pid_of(const char *run_dir)
{
    char path[256], line[32];
    int pid = 0;
    snprintf(path, sizeof path, "%s/%s", run_dir, RUN_DIR_LOCK);
    FILE *in = fopen(path, "re");
    if (in && fgets(line, sizeof line, in)) pid = (int)strtol(line, NULL, 10);
    if (in) fclose(in);
    return pid > 0 && kill(pid, 0) == 0 ? pid : 0;
}

/* What is set here wins. */
static void take_environment(int pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    FILE *in = fopen(path, "re");
    char *all = calloc(1, ENVIRONMENT_BYTES + 1);
    size_t len = in && all ? fread(all, 1, ENVIRONMENT_BYTES, in) : 0;
    for (char *at = all; at && at < all + len; at += strlen(at) + 1) {
        char *equals = strchr(at, '=');
        for (int i = 0; equals && i < SET_COUNT; i++) {
            size_t name = (size_t)(equals - at);
            if (strlen(settings[i].env) == name && memcmp(settings[i].env, at, name) == 0)
                setenv(settings[i].env, equals + 1, 0);
        }
    }
    if (all) explicit_bzero(all, len);
    free(all);
    if (in) fclose(in);
}

int ctl_take_what_is_left(const char *run_dir)
{
    static const char *const names[] = {"web.cfg", "web.env", "web.set"};
    static const char *const variables[] = {CONF_FILE_VAR, CONF_ENV_FILE_VAR, CONF_OVERRIDES_VAR};
    char path[256];
    int pid = pid_of(run_dir);
    snprintf(path, sizeof path, "%s/%s", run_dir, names[0]);
    if (!pid || access(path, R_OK) != 0) return -ERR_NOT_FOUND;
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", run_dir, names[i]);
        if (access(path, R_OK) == 0) setenv(variables[i], path, 1);
    }
    take_environment(pid);
    setenv(settings[SET_RUN_DIR].env, run_dir, 1);
    fprintf(stderr, "logikald: the supervisor on %s does not answer: with the configuration that it gave to web\n",
            run_dir);
    return 0;
}
