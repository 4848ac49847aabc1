/* The roles' program: finds the role that the first word names, loads the configuration, and runs it. It is normally
 * executed by logikald (the small program beside it), which passes the configuration's paths in the environment. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "conf/conf.h"
#include "conf/log.h"
#include "services/role.h"

#define EXIT_USAGE  64
#define EXIT_CONFIG 78

static const struct role {
    const char *name;
    int (*main)(struct conf *conf, int argc, char **argv);
    int (*check)(const struct conf *conf, struct err *err); /* what the role needs of the settings; NULL = nothing */
} roles[] = {
    {"web", web_main, conf_check_web}, {"worker", worker_main, NULL}, {"beat", beat_main, NULL},
    {"migrate", migrate_main, NULL},   {"queue", queue_main, NULL},   {"task", task_main, NULL},
    {"check", check_main, NULL},
};

static const struct role *role_find(const char *name)
{
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(roles[i].name, name) == 0) return &roles[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct role *role = argc > 1 ? role_find(argv[1]) : NULL;
    if (!role) {
        fputs("usage: logikald web|worker|beat|migrate|queue|task|check ... (logikald --help tells more)\n", stderr);
        return EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* whatever takes a role over cannot rise by a setuid program */
    log_open(role->name, LOG_INFO, LOG_TEXT);
    struct conf_paths paths = conf_paths_from_environment();
    struct err err = {0};
    struct conf *conf = conf_load(&paths, &err);
    if (!conf || (role->check && role->check(conf, &err) != 0)) {
        log_critical("configuration refused: %s", err.text);
        conf_free(conf);
        return EXIT_CONFIG;
    }
    log_open(role->name, log_level_of(conf_str(conf, SET_LOG_LEVEL)),
             strcmp(conf_str(conf, SET_LOG_FORMAT), "json") == 0 ? LOG_JSON : LOG_TEXT);
    return role->main(conf, argc - 2, argv + 2);
}
