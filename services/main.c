/* A program of roles: finds the one that the first word names, loads the configuration, and runs it. It is normally
 * executed by logikald (the small program beside it), which passes the configuration's paths in the environment. Which
 * roles it has is the table that it is linked with: all (roles.c), or those with few libraries (roles_light.c). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <cjson/cJSON.h>

#include "conf/conf.h"
#include "conf/machine/crash.h"
#include "conf/streams.h"
#include "conf/exit.h"
#include "conf/log.h"
#include "services/role.h"

static const struct role *role_find(const char *name)
{
    const struct role *role = roles;
    while (role->name && strcmp(role->name, name) != 0) role++;
    return role->name ? role : NULL;
}

/* JSON that is built without looking at each step is whole or not there: a role without memory ends, the supervisor
 * replaces it, and what it held in Redis goes to its successor. */
static void *json_memory(size_t size)
{
    void *memory = malloc(size);
    if (memory || size == 0) return memory;
    log_critical("no memory for %zu bytes of JSON", size);
    abort();
}

int main(int argc, char **argv)
{
    const struct role *role = argc > 1 ? role_find(argv[1]) : NULL;
    streams_begin();
    if (!role) {
        fputs("usage: logikald", stderr);
        for (role = roles; role->name; role++) fprintf(stderr, "%c%s", role == roles ? ' ' : '|', role->name);
        fputs(" ... (logikald --help tells more)\n", stderr);
        return EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* beyond a limit of files (ulimit -f) a write fails */
    signal(SIGUSR1, SIG_IGN); /* of meaning to the supervisor; who signals all of a name means no harm to the roles */
    signal(SIGUSR2, SIG_IGN);
    crash_tell();
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* whatever takes a role over cannot rise by a setuid program */
    log_open(role->name, LOG_INFO, LOG_TEXT);
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = json_memory, .free_fn = free});
    struct conf_paths paths = conf_paths_from_environment();
    struct err err = {0};
    struct conf *conf = conf_load(&paths, &err);
    if (!conf || (role->check && role->check(conf, &err) != 0)) {
        log_critical("configuration refused: %s", err.text);
        conf_free(conf);
        return EXIT_CONFIG;
    }
    conf_apply_log(conf);
    conf_tell_notes(conf);
    if (role->is_service && conf_is_set(conf, SET_LOG_FILE) && !getenv("LOGIKALD_SUPERVISED"))
        log_warning("log.file (LOG_FILE) is written by the supervisor; a role by itself writes to standard error");
    return streams_end(role->main(conf, argc - 2, argv + 2));
}
