/* What the supervisor knows about its children, as a file that others of the same user may read: RUN_DIR/status.json,
 * replaced atomically on every change and at least every SNAPSHOT_INTERVAL_MS. `ctl status --json` prints the same
 * document. Readers only look; nothing is controlled through it. */
#ifndef LOGIKALD_IPC_SNAPSHOT_H
#define LOGIKALD_IPC_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>
#include <cjson/cJSON.h>

#include "conf/err.h"

#define SNAPSHOT_FILE         "status.json"
#define SNAPSHOT_INTERVAL_MS  5000
#define SNAPSHOT_STALE_MS     15000 /* older than this: the supervisor is gone or hangs */
#define SNAPSHOT_CHILDREN_MAX 64

struct snapshot_child {
    char name[64];         /* "web.0", "worker.0", "beat", "migrate", or a program's name */
    char role[64];         /* "web", "worker", "beat", "migrate", or a program's name */
    char state[16];        /* down waiting starting ready stopping dumping killing lingering backoff crash-loop done */
    char status[160];      /* the child's own STATUS= text; "" = none */
    char last_exit[160];   /* in words: "exit status 1", "killed by SIGKILL (out of memory)"; "" = never exited */
    int64_t last_exit_ms;  /* unix time; 0 = never */
    int pid;               /* 0 = no process */
    int64_t started_ms;    /* unix time of the start of the process; 0 = no process */
    int64_t uptime_s;      /* at the time of writing */
    int64_t restarts;      /* processes started after the first one */
    int64_t next_start_ms; /* unix time of the next try in backoff and crash-loop; 0 = none */
    int64_t rss_bytes, pss_bytes; /* of the process and its descendants; 0 = not known yet */
    int64_t cpu_ms;               /* user and system time of the same processes */
    int cpu_permille;             /* of one CPU, over the last interval */
    int64_t watchdog_age_ms;      /* since the last ping, at the time of writing; -1 = no watchdog */
    bool is_program;              /* a [program] of the configuration, not a built-in role */
    bool is_ready, is_essential;
    bool is_held;        /* stopped by `ctl stop`, until `ctl start` */
    bool is_draining;    /* being replaced: its successor is already there under the same name */
    bool is_old_program; /* the file that it was started from is another now */
    bool is_crash_loop;  /* true until the child has been stable again, also while a try runs */
};

struct snapshot {
    int64_t written_ms, started_ms; /* unix time */
    int pid;                        /* of the supervisor */
    char version[32];
    char supervisor_id[40];
    char state[16];            /* "running" or "stopping" */
    bool background_sync;      /* the gate is on */
    char background_note[160]; /* why worker and beat do not run although the gate is on; "" = they do, or it is off */
    char listening[96];        /* "0.0.0.0:8001" */
    int64_t reloads, reloads_refused, reload_ms;   /* unix time of the last reload; 0 = none */
    char reload_error[512];                        /* of the last reload; "" = it was applied */
    int64_t memory_limit_bytes, memory_used_bytes; /* of the cgroup; 0 = no limit, or not known */
    int memory_pressure_permille;                  /* of the last 10 s in which something waited for memory */
    int64_t memory_limit_hits;                     /* how often the cgroup's limits were met */
    int64_t oom_kills;                             /* of the cgroup since the supervisor started */
    int64_t rss_bytes, pss_bytes;                  /* of the supervisor itself */
    int64_t orphans_reaped, log_lines_dropped, events_dropped;
    int count;
    struct snapshot_child children[SNAPSHOT_CHILDREN_MAX];
};

/* Reads RUN_DIR/status.json into *out. 0; -ERR_NOT_FOUND when no supervisor ever wrote there; -ERR_INPUT when the file
 * is not a snapshot. Reads a local file of at most 1 MiB; does not block otherwise. */
int snapshot_read(const char *run_dir, struct snapshot *out, struct err *err);
bool snapshot_is_stale(const struct snapshot *s, int64_t now_ms); /* now: unix time */

/* Why nobody can write there, "full" or "read-only"; NULL when it is neither. */
const char *snapshot_unwritable(const char *run_dir);

/* The process is stopped now (SIGSTOP, a debugger): it runs nothing, and pings no more. False when it cannot be seen,
 * and for a process of another program that has this id here. */
bool snapshot_is_stopped(int pid);

/* Replaces RUN_DIR/status.json (mode 0600). 0 or a negative error. */
int snapshot_write(const char *run_dir, const struct snapshot *s, struct err *err);

cJSON *snapshot_to_json(const struct snapshot *s); /* the caller's to delete; NULL without memory */
int snapshot_from_json(const cJSON *json, struct snapshot *out, struct err *err);

#endif
