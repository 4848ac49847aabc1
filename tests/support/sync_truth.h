/* For the tests of the sync: tasks run as one-shot processes, and the database compared with the simulator's dump. */
#ifndef LOGIKALD_TESTS_SYNC_TRUTH_H
#define LOGIKALD_TESTS_SYNC_TRUTH_H

#include "tests/support/support.h"
#include <cjson/cJSON.h>

/* A PostgreSQL with the schema, and a simulator. */
struct sync_world {
    struct pg_server pg;
    struct sim_server sim;
    const char *database_url;  /* that the tasks use, through something in between; NULL = the server's own */
    const char *extra_env[16]; /* NAME=value for the tasks, NULL-terminated */
};
void sync_world_start(struct sync_world *w, const char *const sim_arguments[]);
void sync_world_open(struct sync_world *w, const char *words); /* the same, arguments in one text */
void sync_world_stop(struct sync_world *w);
void sync_world_clear(struct sync_world *w); /* an empty schema again */
/* Gives the database settings that an administrator may have made for other programs, or takes them back. */
void sync_world_settings(struct sync_world *w, bool are_odd);

/* The world of a test program, `world`, and its fixtures: `start` opens it with these words, and does what follows
 * them; `stop`. */
#define SYNC_WORLD(words, ...)                                                                                         \
    static struct sync_world world;                                                                                    \
    FIXTURE(start)                                                                                                     \
    {                                                                                                                  \
        sync_world_open(&world, words);                                                                                \
        __VA_ARGS__;                                                                                                   \
        return 0;                                                                                                      \
    }                                                                                                                  \
    FIXTURE(stop)                                                                                                      \
    {                                                                                                                  \
        sync_world_stop(&world);                                                                                       \
        return 0;                                                                                                      \
    }

/* Starts logikald-roles task NAME; args and kwargs are JSON texts or NULL. */
void sync_task_start(struct sync_world *w, struct process *p, const char *task, const char *args, const char *kwargs);
/* The same to its end (60 s): the result (cJSON_Delete it); *status (may be NULL) gets the exit status. */
cJSON *sync_task(struct sync_world *w, const char *task, const char *args, const char *kwargs, int *status);
/* The last line of a process's output that is a JSON object. */
cJSON *sync_task_result(struct process *p);
/* A full sync by hand that must succeed. */
void sync_all(struct sync_world *w, bool force);

bool result_true(const cJSON *result, const char *name);
double result_number(const cJSON *result, const char *name);    /* -1 when it is not there */
const char *result_text(const cJSON *result, const char *name); /* "" when it is not there */

/* Fails the test, showing the first differences, unless the database holds exactly what the simulator's dump says.
 * with_files: thumbnails and parts lists too, and what was read from them. */
void assert_truth(struct sync_world *w, bool with_files);
/* The same as a text ("" = no difference), free() it. */
char *truth_differences(struct sync_world *w, bool with_files);

/* The comparison itself, for who judges by parts of it: the kinds that are compared, directories first, each with the
 * query of what the upstream has (on the table that truth_load makes) and the one of what is stored. The first `keys`
 * of the `columns` say which object it is. */
struct truth_kind {
    const char *what, *upstream, *stored;
    int columns, keys;
};
enum { TRUTH_DIRECTORY, TRUTH_PROJECT, TRUTH_PHASE, TRUTH_ELEVATION, TRUTH_FILE, TRUTH_READ, TRUTH_KINDS };
extern const struct truth_kind truth_kinds[TRUTH_KINDS];
void truth_load(struct sync_world *w, PGconn *conn, bool with_files);

/* A number of the simulator's statistics, by its name at the top level, or "calls.NAME". */
int64_t sim_number(struct sync_world *w, const char *name);
/* All sessions were logged out. */
void assert_nothing_leaked(struct sync_world *w);

#endif
