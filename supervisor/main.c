/* logikald: the small program. Supervises, answers questions about itself, and hands every other role over to
 * logikald-roles beside it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/exit.h"
#include "conf/log.h"
#include "conf/version.h"
#include "supervisor/child/guardian.h"
#include "supervisor/control/reexec.h"
#include "supervisor/control/reload.h"
#include "supervisor/control/signals.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/plan/environment.h"
#include "supervisor/supervisor.h"
#include "supervisor/system/self.h"
#include "conf/streams.h"
#include "conf/machine/trim.h"

static int run_supervise(int argc, char **argv);
static int run_defaults(int argc, char **argv);
static int run_config(int argc, char **argv);
static int run_role(int argc, char **argv);
static int run_help(int argc, char **argv);
static int run_version(int argc, char **argv);
static int run_trial(int argc, char **argv);
static int run_duty(int argc, char **argv);

static char **all_words; /* of the program */

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *arguments, *help; /* help NULL: not for people */
} commands[] = {
    {"supervise", run_supervise, "",
     "run everything: web, and worker and beat when background sync is enabled (default)"},
    {"ctl", ctl_main, "COMMAND ...", "talk to the running supervisor: status, start, stop, restart, reload, tail ..."},
    {"web", run_role, "", "only the HTTP API and admin UI"},
    {"worker", run_role, "", "only a worker: takes tasks from Redis and runs them"},
    {"beat", run_role, "", "only the scheduler"},
    {"migrate", run_role, "", "bring the database schema up to date, then exit"},
    {"hold", run_role, "COMMAND ...", "what the sync does not believe to be gone: list, apply, refuse"},
    {"feed", run_role, "COMMAND ...", "changes and who is told of them: status, tail, replay"},
    {"alert", run_role, "test", "tell the channels of alarms of a test"},
    {"queue", run_role, "COMMAND ...", "look into the queues: list, peek, dead, retry, purge, pause ..."},
    {"why", run_role, "X", "why a type, object, task, queue or process is as it is; works while web is down"},
    {"report", run_role, "[--output FILE]",
     "an archive for support, without secrets; works while other parts are down"},
    {"task", run_role, "NAME ...", "run one task here and now"},
    {"check", run_role, "", "test configuration, PostgreSQL, Redis and the Logikal login"},
    {"defaults", run_defaults, "[--markdown|--run-dir]",
     "print a configuration file with every setting and its default"},
    {"config", run_config, "", "print the settings in force and where each comes from, secrets masked"},
    {"--help", run_help, "", "this text"},
    {"--version", run_version, "", "the version"},
    {REEXEC_TRIAL, run_trial, "", NULL},
    {GUARDIAN_DUTY, run_duty, "", NULL},
};
#define COMMANDS (sizeof commands / sizeof *commands)

/* Those that look at what runs: with the configuration of the supervisor, when none is named. */
static const char *const tools[] = {"migrate", "feed", "queue", "task",   "check", "config",
                                    "alert",   "why",  "hold",  "report", NULL};

static int run_help(int argc, char **argv)
{
    (void)argc, (void)argv;
    puts("usage: logikald [--config FILE] [--env-file FILE] [COMMAND ...]\n\nCommands:");
    for (size_t i = 0; i < COMMANDS; i++) {
        char usage[64];
        if (!commands[i].help) continue;
        snprintf(usage, sizeof usage, "%s %s", commands[i].name, commands[i].arguments);
        printf("  %-32s %s\n", usage, commands[i].help);
    }
    puts("\nOptions:\n"
         "  --config FILE            configuration file (also LOGIKALD_CONFIG); default: logikald.cfg beside the\n"
         "                           program, else /etc/logikald/logikald.cfg, when there is one\n"
         "  --env-file FILE          NAME=value lines, re-read on HUP (also LOGIKALD_ENV_FILE); default: logikald.env\n"
         "                           in the same places\n\n"
         "Environment, with defaults (the file has the same settings; `logikald defaults` prints it):");
    settings_print_help(stdout);
    return 0;
}

static int run_version(int argc, char **argv)
{
    (void)argc, (void)argv;
    printf("logikald %s\n", version_text);
    return 0;
}

static int run_defaults(int argc, char **argv)
{
    char path[128];
    bool is_run_dir = argc == 2 && strcmp(argv[1], "--run-dir") == 0;
    if (argc > 2 || (argc == 2 && !is_run_dir && strcmp(argv[1], "--markdown") != 0)) {
        fputs("usage: logikald defaults [--markdown|--run-dir]\n", stderr);
        return EXIT_USAGE;
    }
    if (is_run_dir)
        puts(conf_default_run_dir(path, sizeof path));
    else if (argc == 2)
        settings_print_markdown(stdout);
    else
        settings_print_cfg(stdout);
    return 0;
}

static struct conf *load(void)
{
    struct err err = {0};
    struct conf_paths paths = conf_paths_from_environment();
    struct conf *conf = conf_load(&paths, &err);
    if (conf)
        conf_tell_notes(conf);
    else
        log_critical("configuration refused: %s", err.text);
    return conf;
}

static int run_config(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        fputs("usage: logikald config\n", stderr);
        return EXIT_USAGE;
    }
    struct conf *conf = load();
    if (!conf) return EXIT_CONFIG;
    conf_print(conf);
    conf_free(conf);
    return 0;
}

static int run_supervise(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        fputs("usage: logikald supervise\n", stderr);
        return EXIT_USAGE;
    }
    signals_hold();
    trim_prepare();
    struct err err = {0};
    struct conf_paths paths = conf_paths_from_environment();
    bool is_resumed = reexec_is_resumed();
    if (!is_resumed) guardian_prepare();
    cJSON *state = reexec_state(&err);
    struct conf *conf = NULL;
    if (state && cJSON_HasObjectItem(state, "configuration"))
        conf = reexec_conf(state, &err);
    else if (state || !is_resumed)
        conf = conf_load(&paths, &err);
    if (!conf) {
        reexec_back(all_words, NULL, err.text);
        log_critical("configuration refused: %s", err.text);
        cJSON_Delete(state);
        return EXIT_CONFIG;
    }
    conf_apply_log(conf);
    unsetenv(CONF_OVERRIDES_VAR); /* the supervisor's own are its own */
    paths.overrides = NULL;
    return supervise(conf, &paths, all_words, state);
}

/* What a supervisor runs of a new program file before it executes it: reads the state and the configuration as it would
 * then. */
static int run_trial(int argc, char **argv)
{
    static struct plan plan;
    struct err err = {0};
    (void)argc, (void)argv;
    cJSON *state = reexec_state(&err);
    struct conf *conf = state && reexec_check(state, &err) == 0 ? reexec_conf(state, &err) : NULL;
    const char *only = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(state, "only"));
    int rc = conf ? plan_from_conf(&plan, conf, only, &err) : -1;
    if (rc == 0) rc = reload_check(&plan, conf, &err);
    if (rc != 0) fprintf(stderr, "%s\n", err.text[0] ? err.text : "there is no state to try");
    if (rc == 0) puts(REEXEC_GOOD);
    conf_free(conf);
    cJSON_Delete(state);
    return rc == 0 ? 0 : EXIT_CONFIG;
}

static int run_duty(int argc, char **argv)
{
    return argc == 2 ? guardian_duty(argv[1]) : EXIT_USAGE;
}

/* The roles need many libraries, which the supervisor is to be free of: another program, in this process. */
static int run_role(int argc, char **argv)
{
    struct err err = {0};
    char path[PATH_MAX];
    char **words = calloc((size_t)argc + 2, sizeof *words);
    if (!words) return EXIT_UNAVAILABLE;
    words[0] = "logikald";
    for (int i = 0; i < argc; i++) words[i + 1] = argv[i];
    setenv(ENVIRONMENT_NO_GNUTLS, "1", false);
    if (self_role_program(argv[0], path, &err) == 0) {
        execv(path, words);
        err_errno(&err, "running %s", path);
    }
    log_critical("%s", err.text);
    free(words);
    return EXIT_UNAVAILABLE;
}

/* An option's file, absolute (children may have another working directory), into the environment. */
static int set_path(const char *variable, const char *file)
{
    char here[PATH_MAX], path[PATH_MAX * 2];
    if (reexec_is_resumed()) return 0; /* what was accepted is handed over, wherever the files are now */
    bool is_absolute = file[0] == '/';
    if (access(file, F_OK) != 0 || (!is_absolute && !getcwd(here, sizeof here))) {
        fprintf(stderr, "logikald: %s: ", file);
        perror(NULL);
        return EXIT_CONFIG;
    }
    snprintf(path, sizeof path, "%s%s%s", is_absolute ? "" : here, is_absolute ? "" : "/", file); /* links stay links */
    setenv(variable, path, 1);
    return 0;
}

/* Takes the options before the command; returns how many words they were, or a negative exit status. */
static int take_options(int argc, char **argv)
{
    static const struct {
        const char *name, *variable;
    } options[] = {{"--config", CONF_FILE_VAR}, {"--env-file", CONF_ENV_FILE_VAR}};
    int at = 1;
    while (at < argc) {
        size_t o = 0;
        while (o < 2 && strcmp(argv[at], options[o].name) != 0) o++;
        if (o == 2) break;
        if (at + 1 == argc) {
            fprintf(stderr, "logikald: %s needs a file\n", argv[at]);
            return -EXIT_USAGE;
        }
        int rc = set_path(options[o].variable, argv[at + 1]);
        if (rc != 0) return -rc;
        at += 2;
    }
    return at;
}

/* A second shell beside a running system sees that system: unless a file is named, the environment then wins over what
 * the supervisor there has in force. Children of a supervisor are told theirs. */
static void look_for_supervisor(void)
{
    struct err err = {0};
    struct conf_paths named = conf_paths_from_environment();
    if (named.file || named.env_file || getenv("LOGIKALD_SUPERVISED")) return;
    ctl_take_configuration(&err); /* when none runs, it is as if nothing was said */
}

/* The files that are read when nobody names one: beside the program, else in /etc/logikald. One that is there and
 * cannot be read is an error, not as if it was not there. */
static void take_default_file(const char *variable, const char *name)
{
    char path[PATH_MAX] = "";
    struct err err = {0};
    const char *self = self_path(&err), *slash = self ? strrchr(self, '/') : NULL, *named = getenv(variable);
    if (named && named[0]) return;
    if (slash) snprintf(path, sizeof path, "%.*s/%s", (int)(slash - self), self, name);
    if (!path[0] || access(path, F_OK) != 0) snprintf(path, sizeof path, "/etc/logikald/%s", name);
    if (access(path, F_OK) == 0) setenv(variable, path, 1);
}

static void take_default_files(void)
{
    if (getenv("LOGIKALD_SUPERVISED") || reexec_is_resumed()) return;
    take_default_file(CONF_FILE_VAR, "logikald.cfg");
    take_default_file(CONF_ENV_FILE_VAR, "logikald.env");
}

int main(int argc, char **argv)
{
    streams_begin();
    all_words = argv;
    self_remember(argv[0]);
    log_open("logikald", LOG_INFO, LOG_TEXT);
    int at = take_options(argc, argv);
    if (at < 0) return -at;
    const char *name = at < argc ? argv[at] : "supervise";
    if (strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) name = "--help";
    if (strcmp(name, "-V") == 0 || strcmp(name, "version") == 0) name = "--version";
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) != 0) continue;
        for (const char *const *t = tools; *t; t++)
            if (strcmp(*t, name) == 0) look_for_supervisor();
        take_default_files();
        return streams_end(commands[i].run(at < argc ? argc - at : 1, argv + at));
    }
    fprintf(stderr, "logikald: unknown command \"%s\" (logikald --help lists them)\n", name);
    return EXIT_USAGE;
}
