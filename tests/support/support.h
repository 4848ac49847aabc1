/* What integration tests stand on: real servers on free ports, processes, HTTP, and waiting for conditions.
 * Everything started is stopped by support_stop_all (also run at exit), and dies with the test program. */
#ifndef LOGIKALD_TESTS_SUPPORT_H
#define LOGIKALD_TESTS_SUPPORT_H

#include <stdbool.h>
#include <sys/types.h>
#include <libpq-fe.h>

#include "tests/support/test.h"

/* Polls cond every 10 ms until it is true; fails the test with its text when that lasts. ms: what it takes at most on a
 * quiet machine; on a busy one, and under valgrind, it is given several times as long. */
#define WAIT_UNTIL(cond, ms)                                                                                           \
    do {                                                                                                               \
        int64_t wait_deadline_ = support_patience(ms);                                                                 \
        while (!(cond)) {                                                                                              \
            if (support_late(wait_deadline_)) fail_msg("waited in vain for: %s", #cond);                               \
            support_pause();                                                                                           \
        }                                                                                                              \
    } while (0)
int64_t support_deadline(int64_t ms); /* ms from now, to let time pass */
int64_t support_patience(int64_t ms); /* the deadline of what takes ms at most on a quiet machine */
bool support_late(int64_t deadline);
void support_pause(void);

const char *support_dir(void);              /* a fresh scratch directory of this test program, removed at exit */
const char *support_program(const char *n); /* path of a built program of this variant: "logikald", "logikal-sim" */
int support_free_port(void);

/* A process. env is a NULL-terminated list of NAME=value added to a minimal environment (PATH, HOME, sanitizer
 * options); output goes to the file at log (see process_log). Runs in its own process group; killed at exit. */
struct process {
    pid_t pid;
    char log[256];
    int status; /* wait status once it ended */
    bool is_running;
};
void process_start(struct process *p, const char *name, char *const argv[], char *const env[]);
bool process_running(struct process *p); /* reaps when it ended */
void process_signal(struct process *p, int sig);
int process_wait(struct process *p, int64_t timeout_ms);               /* wait status; fails the test on timeout */
void process_stop(struct process *p);                                  /* TERM, then KILL of the group after 20 s */
char *process_log(struct process *p);                                  /* all output so far; free() it */
bool process_logged(struct process *p, const char *text);              /* output so far contains text */
int process_log_count(struct process *p, const char *text);            /* how often */
int process_run(char *const argv[], char *const env[], char **output); /* runs to its end (60 s at most): exit status */

/* A redis-server (append-only file on) and a PostgreSQL of the test's own. */
struct redis_server {
    struct process process;
    int port;
    char url[128];
    char dir[256];
};
void redis_server_start(struct redis_server *r, const char *const extra[]); /* extra: redis-server arguments or NULL */
void redis_server_kill(struct redis_server *r);                             /* -9 */
void redis_server_restart(struct redis_server *r);                          /* start again on the same port and data */
void redis_server_stop(struct redis_server *r);
char *redis_cli(struct redis_server *r,
                const char *command); /* redis-cli's output for a shell-quoted command; free() it */

struct pg_server {
    struct process process;
    int port;
    char dir[256];
    char url[256];               /* of a fresh, empty database */
    const char *const *settings; /* "name=value" for the next pg_restart, NULL-terminated; or NULL */
};
void pg_start(struct pg_server *pg);
void pg_kill(struct pg_server *pg);            /* immediate, as a crash */
void pg_restart(struct pg_server *pg);         /* start again on the same port and data */
void pg_signal(struct pg_server *pg, int sig); /* to every process of it: SIGSTOP, SIGCONT */
void pg_stop(struct pg_server *pg);
PGconn *pg_connect(struct pg_server *pg); /* fails the test when it cannot */
char *pg_value(struct pg_server *pg,
               const char *sql); /* first column of the first row as text ("" if none); free() it */
int64_t pg_int(struct pg_server *pg, const char *sql); /* the same as a number; -1 when there is no row or an error */
void pg_exec(struct pg_server *pg, const char *sql);   /* fails the test on an error */
/* Waits until no transaction (a role's, autovacuum's) hides what the journal got before: its "now" is behind that. */
void pg_settle(struct pg_server *pg);

/* The upstream simulator. */
struct sim_server {
    struct process process;
    int port;
    char base_url[128]; /* for LOGIKAL_API_BASE_URL */
    char control[128];  /* http://127.0.0.1:PORT/_sim */
};
/* extra: logikal-sim arguments or NULL. Parts lists are tiny unless they say --parts=real. */
void sim_start(struct sim_server *sim, const char *const extra[]);
void sim_stop(struct sim_server *sim);
void sim_post(struct sim_server *sim, const char *path, const char *json); /* fails the test unless it answers 200 */
char *sim_get(struct sim_server *sim, const char *path);                   /* body, within half an hour; free() it */

/* HTTP by libcurl. */
struct http_reply {
    int status;    /* 0 = no answer */
    char *body;    /* NUL-terminated; NULL when status is 0 */
    char *headers; /* all header lines */
    size_t size;   /* of the body, which may hold NULs */
};
struct http_reply http_request(const char *method, const char *url, const char *const headers[], const char *body);
struct http_reply http_request_within(int64_t ms, const char *method, const char *url, const char *const headers[],
                                      const char *body); /* 60 s else */
struct http_reply http_get(const char *url);
void http_reply_free(struct http_reply *r);

void support_stop_all(void);

char *support_read_file(const char *path); /* whole file, "" when it cannot be read; free() it */
bool support_file_has(const char *path, const char *text);

#endif
