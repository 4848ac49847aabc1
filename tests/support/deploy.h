/* A deployment file (App Platform spec) brought to life: the commands and environments that it names, with the values
 * that the platform would bind taken from servers of the test. */
#ifndef LOGIKALD_TESTS_SUPPORT_DEPLOY_H
#define LOGIKALD_TESTS_SUPPORT_DEPLOY_H

#include <cjson/cJSON.h>

#include "tests/support/support.h"

/* Every secret of it that the operator chooses, the administrator's password among them. */
#define DEPLOY_SECRET "0f3c5f29a1b84d7e96c0d2e4f6a8b1c3d5e7f90112233445566778899aabbccd"

struct deploy {
    struct redis_server redis;
    struct pg_server pg;
    struct sim_server sim;
    cJSON *spec;
    const char *before; /* shell text run before the program in the same process ("... && "); NULL = none */
};

/* One running instance of a component: a process tree with its own run directory. */
struct instance {
    struct process process;
    int port; /* what it serves HTTP on, where it does */
    char run_dir[256];
};

/* Reads and checks the file (tests/deploy/spec.py) and starts the servers. */
void deploy_start(struct deploy *d, const char *file, const char *const sim_args[]);
void deploy_stop(struct deploy *d);
cJSON *deploy_component(struct deploy *d, const char *name); /* fails the test when it is not there */
/* Starts an instance of the component; changes (may be NULL) are NAME=value entries that replace or add. */
void deploy_run(struct deploy *d, const char *name, struct instance *i, const char *const changes[]);
/* TERM, and the test fails unless it exits 0 within the component's grace period. */
void deploy_end(struct deploy *d, const char *name, struct instance *i);
/* Status of GET on the path of the component's health check ("health_check" or "liveness_health_check"). */
int deploy_health(struct deploy *d, const char *name, struct instance *i, const char *check);

/* Bytes of it and its children together, as the supervisor measures them (PSS); 0 = it has written nothing yet. */
int64_t deploy_pss(struct instance *i);
bool deploy_kill(struct instance *i,
                 const char *role); /* -9 to the ready children of this role; false: there is none */

/* A client's token from the running web: log in as administrator, register a client that may read everything, log it
 * in. The caller frees it. */
char *deploy_token(struct instance *i);

#endif
