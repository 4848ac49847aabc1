/* What the rooms of the supervisor share: the loop, the configuration in force, the plan made from it, the children.
 * One process, one thread, one event loop; nothing here blocks. */
#ifndef LOGIKALD_SUPERVISOR_SUPERVISOR_H
#define LOGIKALD_SUPERVISOR_SUPERVISOR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <cjson/cJSON.h>
#include <event2/event.h>

#include "conf/machine/cgroup.h"
#include "conf/conf.h"
#include "conf/machine/random.h"
#include "supervisor/log/log_sink.h"
#include "supervisor/plan/plan.h"
#include "supervisor/system/usage.h"

struct child;
struct watched;
struct status;
struct control;
struct watch;
struct events_hook;
struct recorder;
struct keeper;
struct trial;
struct child_hooks;
TAILQ_HEAD(child_list, child);
LIST_HEAD(watched_list, watched);

struct supervisor {
    struct event_base *base;
    struct event *settle_soon; /* children_settle at the end of this turn of the loop */
    struct event *signals;
    int signal_fd;
    const struct child_hooks *hooks; /* what the children are given of the wings above them */
    struct log_sink *sink;
    struct status *status;
    struct control *control;
    struct watch *watch;
    struct events_hook *events;
    struct recorder *recorder; /* of events */
    struct keeper *keeper;     /* of the run directory */
    struct trial *trial;       /* of the program file, before an exec; NULL = none runs */

    struct conf *conf;
    struct conf_paths source; /* the files as given */
    char source_file[PATH_MAX], source_env_file[PATH_MAX];
    char *overrides;         /* runtime settings as lines of key=value; NULL = none */
    char only[1024];         /* LOGIKALD_ROLES at the start: names of roles and programs to run; "" = all */
    char id[UUID_TEXT_SIZE]; /* of this supervisor, over re-execs */
    char roles_path[PATH_MAX];
    char run_dir[PATH_MAX];
    int lock_fd, dir_fd, listen_fd, control_fd;
    int log_fd; /* of the log file, over an exec; -1 = none */
    char listening[96];

    struct plan plan, next_plan; /* next: room for the one that a reload makes */
    struct child_list children;
    struct watched_list watched; /* processes that are no children of the plan: probes, hooks */

    bool is_stopping, is_hurried, is_torn_down;
    int64_t stopping_since_ms; /* mono_ms of the first request to stop */
    bool is_announced;         /* to whoever started us, that everything is ready */
    int told_up, told_all;     /* how many children, as it was last told */
    bool is_resumed;           /* after an exec of itself */
    char version_before[64];   /* of the program that was executed anew; "" = not known */
    char **argv;
    int exit_status;
    int64_t started_ms; /* wall */
    int64_t orphans_reaped;
    bool must_trim; /* a start or reload has touched what is not needed any more */
    pid_t guardian_pid;
    int guardian_fd;
    struct usage usage; /* our own */
    struct cgroup_memory memory;
    int64_t watched_ms; /* when usage was read */
    struct event *pulse;
    int64_t pulse_ms, woken_ms, outer_ping_ms; /* pulse.h: the last beat, the end of the last sleep, pings to outside */
    int64_t births;                            /* processes of children started so far, over re-execs */
    int64_t reloads, reloads_refused, reloaded_ms; /* wall; 0 = never */
    char reload_error[512];                        /* of the last one; "" = it was applied */
};

#define CHILDREN_FOREACH(c, s) for ((c) = TAILQ_FIRST(&(s)->children); (c); (c) = TAILQ_NEXT((c), link))

/* Sets up, runs the loop, tears down; returns the exit status. Takes conf and state (NULL, or what a supervisor before
 * an exec has handed over). argv: of the program, for an exec of itself. */
int supervise(struct conf *conf, const struct conf_paths *paths, char **argv, cJSON *state);

/* Asks for the end: everything is stopped in order, then the loop ends with this exit status. A second call hurries:
 * what still runs is killed. */
void supervisor_stop(struct supervisor *s, int exit_status, const char *why);

#endif
