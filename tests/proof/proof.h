/* Proof of real size: a first sync of elevations with parts lists as large as the field's, in app.yaml's service in a
 * control group of 512 MB and one processor, under readers of lists, bills, files and pictures and a follower of the
 * feed, while worker, web and beat are killed by turns; and then whether the database has what the upstream has. */
#ifndef LOGIKALD_TESTS_PROOF_H
#define LOGIKALD_TESTS_PROOF_H

#include "conf/text/buf.h"
#include "tests/load/load.h"
#include "tests/support/process/cgroup.h"
#include "tests/support/deploy.h"

#define PROOF_LIMIT_BYTES (512LL * 1024 * 1024)

enum proof_role { PROOF_WORKER, PROOF_WEB, PROOF_BEAT, PROOF_ROLES };

/* Figures at one moment; those of the whole run are the differences of two. */
struct proof_figures {
    double own_cpu_s, postgres_cpu_s, sim_cpu_s;
    int64_t database_bytes;
    char wal_at[40];
};

struct proof {
    int elevations;
    struct deploy d;
    struct cgroup group;
    struct instance app;
    struct system sys; /* the same servers and door, as the load wants them */
    struct load load;
    char enter[1100];
    int64_t start_ms;
    struct proof_figures before, after;
    /* of the run */
    double sync_s;                           /* until everything is there and read */
    double machine_load[2];                  /* before and at the end */
    int64_t peak_pss_bytes, peak_disk_bytes; /* disk: database and write-ahead log together */
    int64_t wal_bytes;
    int kills[PROOF_ROLES];
    struct cgroup_report at_end; /* of the group */
    size_t told;                 /* changes that the follower has */
    int64_t files, file_bytes;   /* different ones, and their bytes as the upstream has them */
    struct buf failures;         /* a line each */
};

void proof_fail(struct proof *p, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* adds a line */

/* measure.c */
struct proof_figures proof_figures(struct proof *p);
void proof_watch(struct proof *p); /* takes the peaks; fails the run while there is still room on the disk */
bool proof_is_done(struct proof *p);
int64_t proof_free_bytes(void);    /* of the disk that the servers write to */
void proof_check(struct proof *p); /* when everything is over: what must hold */

/* report.c */
char *proof_table(const struct proof *p); /* free() it */

#endif
