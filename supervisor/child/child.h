/* A child: one process (or none) with its state machine, its log pipes, the socket on which it tells how it is, and
 * its history. During a replacement two children have the same name. */
#ifndef LOGIKALD_SUPERVISOR_CHILD_CHILD_H
#define LOGIKALD_SUPERVISOR_CHILD_CHILD_H

#include "supervisor/log/line_ring.h"
#include "supervisor/log/log_stream.h"
#include "supervisor/plan/child_state.h"
#include "supervisor/plan/plan.h"
#include "supervisor/supervisor.h"

#define CHILD_REASONS 3 /* exit reasons that are remembered */

struct readiness_probe;

struct child {
    TAILQ_ENTRY(child) link;
    struct supervisor *sup;
    struct child_spec spec;
    struct child_machine machine;

    pid_t pid;          /* of its process; 0 = none */
    pid_t group;        /* its process group, kept until nobody is left in it; 0 = none */
    pid_t previous_pid; /* of the process before, when that one crashed */
    int64_t started_ms, started_wall_ms;
    int64_t born; /* the number of its start, which its descendants carry (kin.h) */
    /* How its process is to be stopped: as it was started, whatever a reload has changed since. */
    int running_stop_signal;
    int64_t running_stop_timeout_ms;
    int64_t program_device, program_inode; /* of the file that it was started from; 0 = not known */
    pid_t kin_told[8];                     /* asked to end, outside its group */

    struct log_stream out, err;
    struct line_ring lines; /* the last ones that it wrote */

    int exec_fd; /* ends when its program runs, or tells why it does not; -1 = it is known */
    struct event *executed;
    char exec_error[160];
    int notify_fd; /* our end; -1 = none */
    struct event *notified;
    char status[160]; /* its STATUS= */
    struct event *deadline, *silence;
    int64_t pinged_ms; /* the last ping, or when it became ready */
    struct readiness_probe *probe;

    char reasons[CHILD_REASONS][160]; /* how it ended, the latest first */
    int64_t exited_wall_ms;
    int64_t missing_ms; /* since when it is wanted and not up for good; for watch_essential */

    struct usage usage; /* of its process and descendants */
    int cpu_permille;
    bool is_large;       /* above its soft limit */
    int64_t outgrown_ms; /* when it was last replaced for its size */

    bool is_held;      /* by `ctl stop` */
    bool is_leaving;   /* stops and is then forgotten: no longer in the plan, or replaced */
    bool is_successor; /* started while another of its name still serves */
    bool owes_hup;     /* settings changed while it started: it re-reads them as soon as it is ready */
    bool is_outdated;  /* to be replaced by one of the present plan */
    bool is_upgrade;   /* outdated because its program is another now: after the migrations of the new one */
};

/* A child in CHILD_DOWN, at the end of the list. NULL without memory. */
struct child *child_new(struct supervisor *s, const struct child_spec *spec);
void child_free(struct child *c); /* must have no process */

/* The plan has changed. A process that is to be replaced is still stopped by the rules that it was started with. */
void child_take_spec(struct child *c, const struct child_spec *spec);

/* Feeds the state machine and does what it decides; asks for children_settle. */
void child_event(struct child *c, enum child_event event);

/* Goes on with a process that was started before an exec of the supervisor: state, pid and descriptors are set. */
int child_resume(struct child *c);

/* Between a process's end and its reaping (its number cannot be used anew yet): sees to the rest of its group. */
void child_ended(struct child *c);
/* After the reaping. */
void child_reaped(struct child *c, int wait_status);
/* True when nobody is left of it but, maybe, its leader's zombie; then the group is forgotten. */
bool child_kin_gone(struct child *c);

/* We have slept: what it did not do meanwhile is not held against it. */
void child_sleep_over(struct child *c, int64_t slept_ms, int64_t now_ms);

int child_signal(struct child *c, int sig); /* to its process: 0, or -1 when there is none */

/* How long a child must be ready before it counts as up, and whether it has been: one that comes and goes never is. */
int64_t child_steady_ms(const struct child *c);
bool child_is_steady(const struct child *c);

/* Internal to the child's own files, child_start.c and child_io.c. */
struct environment;
int child_start(struct child *c, struct err *err); /* makes the process */
struct child_ends {
    int out_fd, err_fd, notify_fd, exec_fd; /* ours; -1 = none */
};
int child_listen(struct child *c, const struct child_ends *ends, struct err *err); /* takes them */
void child_executed(evutil_socket_t fd, short what, void *arg); /* its program runs, or cannot be run */
void child_environment(const struct child *c, const char *notify_path, struct environment *e);
void child_on_out(void *arg, const char *text, size_t len, bool is_cut);
void child_on_err(void *arg, const char *text, size_t len, bool is_cut);
void child_told(evutil_socket_t fd, short what, void *arg); /* datagrams */
void child_watch_silence(struct child *c);                  /* arms the watchdog */
void child_io_close(struct child *c);

#endif
