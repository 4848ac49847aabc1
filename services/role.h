/* The roles of build/logikald-roles, of which build/logikald-beat has one. Each takes the loaded configuration (its own
 * to free and to replace on HUP with conf_load(conf_paths_from_environment())) and the words after its name, runs to
 * its end, and returns the exit status.
 */
#ifndef LOGIKALD_SERVICES_ROLE_H
#define LOGIKALD_SERVICES_ROLE_H

#include <stdbool.h>

struct conf;
struct err;

struct role {
    const char *name; /* NULL: the end of the table */
    int (*main)(struct conf *conf, int argc, char **argv);
    int (*check)(const struct conf *conf, struct err *err); /* what the role needs of the settings; NULL = nothing */
    bool is_service;                                        /* it runs until it is stopped */
};
extern const struct role roles[]; /* of this program */

int web_main(struct conf *conf, int argc, char **argv);     /* HTTP API and admin UI */
int worker_main(struct conf *conf, int argc, char **argv);  /* consumer and runners */
int beat_main(struct conf *conf, int argc, char **argv);    /* scheduler */
int migrate_main(struct conf *conf, int argc, char **argv); /* database migrations, then exit */
int alert_main(struct conf *conf, int argc, char **argv);   /* alert test */
int feed_main(struct conf *conf, int argc, char **argv);    /* feed status|tail|replay */
int hold_main(struct conf *conf, int argc, char **argv);    /* hold list|apply|refuse */
int queue_main(struct conf *conf, int argc, char **argv);   /* queue list|peek|dead|retry|purge */
int task_main(struct conf *conf, int argc,
              char **argv); /* runs one task here and now: task NAME [--args JSON] [--kwargs JSON] */
int why_main(struct conf *conf, int argc, char **argv);    /* why X */
int report_main(struct conf *conf, int argc, char **argv); /* report [--output FILE] */
int check_main(struct conf *conf, int argc, char **argv);  /* pre-flight */

/* Exit statuses of every role (sysexits.h numbers): 0 = stopped as asked, 78 = configuration, 69 = something it needs
 * is unavailable, 70 = internal error, 64 = usage. */

#endif
