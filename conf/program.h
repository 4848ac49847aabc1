/* A [program] of the configuration file: a foreign program that the supervisor runs beside the built-in roles.
 *
 *   programs = ( {
 *     name = "redis"; command = [ "redis-server", "--port", "0" ];
 *     environment = [ "A=b" ]; user = "redis"; group = "redis"; directory = "/var/lib/x"; umask = "027"; depends_on = [
 * "other" ]; unless_env = [ "REDIS_URL" ];      # not run when one of these settings comes from outside this file gate
 * = "background_sync";          # run only while this flag is on readiness = "notify" | "none" | "exit" |
 * "tcp:HOST:PORT" | "unix:PATH" | "http:HOST:PORT/PATH" | "command:WORDS"; readiness_interval_ms = 50; start_timeout_s
 * = 60; stop_signal = "INT"; stop_timeout_s = 30; liveness = "tcp:..." | ...; liveness_interval_s = 10;
 * liveness_failures = 3; watchdog_s = 30; autostart = true; restart = "always" | "on-failure" | "never"; essential =
 * false; rlimit_nofile = 1024; ... } );
 *
 * A word of the form ${NAME} in command, environment, directory, user and readiness is replaced from the environment
 * when the file is loaded; an unknown NAME is an error, ${NAME:-text} gives a default, $${ stands for ${ itself.
 * A program with restart = "on-failure" or "never" and without readiness is a one-shot: ready when it has exited with
 * status 0 (readiness = "exit"). */
#ifndef LOGIKALD_CONF_PROGRAM_H
#define LOGIKALD_CONF_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "conf/err.h"

enum program_restart { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };
enum program_ready {
    READY_UNSAID,
    READY_NONE,
    READY_EXIT,
    READY_NOTIFY,
    READY_TCP,
    READY_UNIX,
    READY_HTTP,
    READY_COMMAND
};

struct program {
    char *name;
    char **command;     /* NULL-terminated, like all lists here; command[0] is looked up in PATH */
    char **environment; /* "NAME=value" */
    char **depends_on;  /* names of programs or roles */
    char **unless_env;  /* environment names of settings */
    char *user;         /* name or number; NULL = as the supervisor; ignored (with a log line) when not root */
    char *group;        /* name or number; NULL = the user's */
    char *directory;    /* NULL = as the supervisor */
    char *gate;         /* NULL or a flag: "background_sync" */
    char *ready_target; /* what follows the colon of readiness */
    char *live_target;  /* and of liveness */
    enum program_ready ready;
    enum program_ready live; /* READY_UNSAID = it is not asked again once it is ready */
    enum program_restart restart;
    bool is_essential;
    bool is_skipped; /* an unless_env setting comes from outside the file */
    int umask;       /* -1 = inherit */
    int stop_signal;
    int stop_timeout_s, start_timeout_s; /* 0 = the supervisor's setting */
    int ready_interval_ms;
    int live_interval_s, live_failures;
    int watchdog_s;                                            /* of pings to NOTIFY_SOCKET; 0 = none */
    bool is_not_autostart;                                     /* held from the start, until `ctl start` */
    int64_t rlimit_nofile, rlimit_core_bytes, rlimit_as_bytes; /* -1 = inherit */
    int line;                                                  /* in the file, for messages */
};

void program_free(struct program *p); /* releases the members, not p */
/* True when both would run the same process the same way (a reload leaves it alone). */
bool program_equal(const struct program *a, const struct program *b);

#endif
