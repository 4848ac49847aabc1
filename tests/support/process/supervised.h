/* A supervisor under test with roles of the test's own: logikald is linked into a scratch directory beside a
 * logikald-roles that is the test program itself, which then plays web, worker, beat or migrate as a file tells it to
 * (supervised_act). The supervisor cannot tell the difference. */
#ifndef LOGIKALD_TESTS_SUPPORT_PROCESS_SUPERVISED_H
#define LOGIKALD_TESTS_SUPPORT_PROCESS_SUPERVISED_H

#include "ipc/snapshot.h"
#include "tests/support/support.h"

struct supervised {
    struct process process;
    char dir[256];     /* bin/, run/, act.ROLE */
    char run_dir[280]; /* of its control socket */
    char config[280];  /* its configuration file */
    int port;          /* on which web listens */
    struct snapshot status;
};

/* config: the file's text. env: NAME=value entries besides the usual ones for a test (short times); may be NULL. */
void supervised_prepare(struct supervised *s, const char *config);
void supervised_real_roles(struct supervised *s); /* before the start: the product's own logikald-roles */
void supervised_start(struct supervised *s, char *const env[]);
void supervised_up(struct supervised *s, const char *config, char *const env[]); /* both */
void supervised_config(struct supervised *s, const char *config);                /* writes the file anew */
/* TERM; fails the test unless it ends with status 0 and leaves nothing behind. */
void supervised_stop(struct supervised *s);

/* How a role behaves from its next start on: "ready" (default), "silent" (never ready), "hang" (stops pinging), "deaf"
 * (ignores TERM), "exit N", "crash" (SIGSEGV), "grow MB", "slow MS" (ready late), "child" (leaves a grandchild that
 * ignores TERM). */
void supervised_let(struct supervised *s, const char *role, const char *act);
/* For main(): plays a role, or a program's part ("--play PART ..."), and never returns when it has to. */
void supervised_act(int argc, char **argv);

/* TEST_MAIN for these programs. */
#define SUPERVISED_MAIN(rows)                                                                                          \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        supervised_act(argc, argv);                                                                                    \
        cmocka_set_test_filter(getenv("TEST_FILTER"));                                                                 \
        return cmocka_run_group_tests(rows, NULL, NULL);                                                               \
    }

/* The child of this name that is not draining, from a fresh status; NULL when there is none. */
const struct snapshot_child *supervised_child(struct supervised *s, const char *name);
bool supervised_is(struct supervised *s, const char *name, const char *state);
int supervised_pid(struct supervised *s, const char *name);            /* 0 = none */
void supervised_kill(struct supervised *s, const char *name, int sig); /* fails the test when it has no process */
int supervised_count(struct supervised *s, const char *name);          /* children of this name, draining ones too */
int supervised_ctl(struct supervised *s, char **output, const char *command, ...) __attribute__((sentinel));
/* The product's client that always works, whatever lies at bin/logikald. */
int supervised_client(struct supervised *s, const char *command, const char *argument);
#define SUPERVISED_EXECUTED "having been executed anew" /* what it says then */
void supervised_exec(struct supervised *s);             /* reload --exec, which succeeds */
int supervised_left(struct supervised *s); /* live processes that carry the supervisor's id or stand in its directory */

const char *supervised_program(void); /* path of the test program, for command = [...] */
/* supervised_up with one program p, which is the test program and plays that part: "\"orphans\", \"100\"", say. */
void supervised_play(struct supervised *s, const char *part, char *const env[]);

#endif
