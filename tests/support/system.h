/* The whole system under test: real Redis, PostgreSQL and simulator of the test's own, and a supervisor over them. */
#ifndef LOGIKALD_TESTS_SUPPORT_SYSTEM_H
#define LOGIKALD_TESTS_SUPPORT_SYSTEM_H

#include "ipc/snapshot.h"
#include "tests/support/support.h"

struct receiver;
struct shim;

struct system_place { /* what steps of stage.h call {NAME} */
    const char *name;
    char text[200];
};

struct system {
    struct redis_server redis;
    struct pg_server pg;
    struct sim_server sim;
    struct process logikald;
    struct shim *shim;             /* of its processes, when the test has one */
    struct system_place places[8]; /* ends with one without a name */
    struct receiver *receiver;     /* of alarms, when the test has one */
    int port;
    char url[64]; /* http://127.0.0.1:PORT */
    char run_dir[256];
    const char *const *command; /* what system_run starts before "--config", NULL-terminated; NULL: logikald */
    char config[280];           /* the configuration file it was started with; rewrite it and send HUP */
};

/* Starts the servers; sim_args as sim_start. The supervisor is started by system_run. */
void system_servers(struct system *s, const char *const sim_args[]);
void system_servers_with(struct system *s, const char *const sim_args[], const char *const redis_args[]);
/* Starts the supervisor with the configuration text (libconfig; "" = none of its own) and environment entries on top of
 * the URLs of the servers; ticks every second. extra may be NULL. */
void system_run(struct system *s, const char *config, const char *const extra[]);
/* The same once more where it ran before: port, run directory and configuration stay. */
void system_again(struct system *s, const char *const extra[]);
void system_write_config(struct system *s, const char *config);
/* TERM, and the test fails unless it exits 0 with no process of its group left. */
void system_stop(struct system *s);
void system_end(struct system *s); /* stops the servers */

/* Process id of a child in state ready, or 0. */
int system_child(struct system *s, const char *role);
/* How many children of these roles exist in any state with a process. */
int system_count(struct system *s, const char *role);
int system_health(struct system *s); /* status of GET /api/v1/health; 0 = no answer */

#endif
